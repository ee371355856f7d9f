'use strict';

// Put into a copy of a page by the test: answers the questions, turns the switches, and reports what is to be
// seen. The page is loaded a second time to see what it remembers, and in a narrow frame.
window.addEventListener('load', () => {
    const NARROW = 360;
    const THEMES = ['light', 'rust', 'coal', 'navy', 'ayu'];

    function visible(element) {
        const box = element.getBoundingClientRect();
        const style = getComputedStyle(element);
        return box.width > 100 && box.height > 20 && style.visibility === 'visible' && style.opacity === '1';
    }

    function answers(form) {
        const check = () => {
            form.querySelector('button').click();
            return form.querySelector('.gb-verdict').textContent;
        };
        const report = { empty: check(), wrong: [], arrow_turns_the_page: false };
        const turned = () => { report.arrow_turns_the_page = true; };
        document.addEventListener('keydown', turned);
        form.querySelector('input').dispatchEvent(new KeyboardEvent('keydown', { key: 'x', bubbles: true }));
        document.removeEventListener('keydown', turned);
        const field = form.querySelector('input[type="text"]');
        if (field) {
            for (const wrong of ['certainly wrong', ...JSON.parse(field.dataset.mistakes).map(pair => pair[0])]) {
                field.value = wrong;
                report.wrong.push(check());
            }
            field.value = '  ' + JSON.parse(field.dataset.answers)[0].toUpperCase() + ' ';
        } else {
            for (const choice of form.querySelectorAll('input:not([data-right])')) {
                choice.checked = true;
                report.wrong.push(check());
            }
            form.querySelector('input[data-right]').checked = true;
        }
        report.right = check();
        return report;
    }

    // Any colour that CSS knows, as red, green, blue and opacity.
    function channels(colour) {
        const canvas = document.createElement('canvas');
        const context = canvas.getContext('2d', { willReadFrequently: true });
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return Array.from(context.getImageData(0, 0, 1, 1).data).map(part => part / 255);
    }

    function luminance(colour) {
        const [red, green, blue] = channels(colour)
            .map(part => part <= 0.03928 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    }

    function ground(element) {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (channels(colour)[3] > 0.9) {
                return colour;
            }
        }
        return 'white';
    }

    function ratio(one, other) {
        const [light, dark] = [one, other].map(luminance).sort((a, b) => b - a);
        return (light + 0.05) / (dark + 0.05);
    }

    // What a text of a diagram is drawn upon: the last box that was drawn before it around its middle.
    function painted(text) {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        const [x, y] = [(left + right) / 2, (top + bottom) / 2];
        const below = Array.from(text.ownerSVGElement.querySelectorAll('rect')).filter(rect => {
            const box = rect.getBoundingClientRect();
            const before = rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
            const filled = getComputedStyle(rect).fill !== 'none';
            return before && filled && box.left < x && x < box.right && box.top < y && y < box.bottom;
        }).pop();
        return below ? getComputedStyle(below).fill : ground(text.closest('figure'));
    }

    function contrasts(theme) {
        document.documentElement.classList.remove(...THEMES);
        document.documentElement.classList.add(theme);
        const kinds = ['.gb-transcript samp', '.gb-transcript figcaption', '.gb-switch legend', '.gb-switch label', '.gb-question button', '.gb-verdict strong'];
        const styles = new Set();
        document.querySelectorAll('.gb-transcript samp span').forEach(span => styles.add('.' + span.classList[span.classList.length - 1]));
        styles.forEach(style => kinds.push('.gb-transcript ' + style));
        const seen = kinds.filter(kind => document.querySelector(kind)).map(kind => {
            const element = document.querySelector(kind);
            return { theme, kind, ratio: ratio(getComputedStyle(element).color, ground(element)) };
        });
        const drawn = Array.from(document.querySelectorAll('.gb-diagram text')).map(text => {
            return { theme, kind: text.textContent, ratio: ratio(getComputedStyle(text).fill, painted(text)) };
        });
        return seen.concat(drawn);
    }

    // What each transcript of a lesson shows now.
    function transcripts() {
        return Array.from(document.querySelectorAll('.gb-transcript[id]')).map(figure => {
            const shown = Array.from(figure.querySelectorAll('samp')).filter(visible);
            const chosen = figure.querySelector('.gb-switch :checked');
            return {
                shown: shown.length,
                text: shown.map(samp => samp.textContent).join(''),
                chosen: chosen ? chosen.parentElement.textContent : null,
                options: Array.from(figure.querySelectorAll('.gb-switch label')).map(label => label.textContent),
            };
        });
    }

    function inputs(layout) {
        return Array.from(document.querySelectorAll('.gb-switch input'))
            .filter(input => input.parentElement.textContent.split(', ').includes(layout));
    }

    // The last switch of the page is turned to each layout that it has, and back to the first.
    function turned() {
        return ['mixed', 'v1', 'v2'].filter(layout => inputs(layout).length > 0).map(layout => {
            const input = inputs(layout).pop();
            let page_turned = false;
            const turn = () => { page_turned = true; };
            document.addEventListener('keydown', turn);
            input.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
            document.removeEventListener('keydown', turn);
            input.focus();
            const top = input.getBoundingClientRect().top;
            input.click();
            return {
                layout,
                transcripts: transcripts(),
                focused: document.activeElement === input,
                page_turned,
                moved: Math.abs(input.getBoundingClientRect().top - top),
            };
        });
    }

    function overflowing() {
        return Array.from(document.querySelectorAll('main > *, .gb-switch label'))
            .filter(element => element.getBoundingClientRect().right > window.innerWidth + 1)
            .map(element => element.outerHTML.slice(0, 80));
    }

    function tell(report) {
        const element = document.createElement('script');
        element.type = 'application/json';
        element.id = 'looked-at';
        element.textContent = JSON.stringify(report).replace(/</g, '\\u003c');
        document.body.append(element);
    }

    if (window !== window.top) {
        window.parent.postMessage({ width: window.innerWidth, overflowing: overflowing() }, '*');
        return;
    }
    const before = sessionStorage.getItem('report');
    if (before) {
        const report = Object.assign(JSON.parse(before), { remembered: transcripts() });
        window.addEventListener('message', ({ data }) => tell(Object.assign(report, { narrow: data })));
        const frame = document.createElement('iframe');
        frame.src = location.href;
        frame.style.width = NARROW + 'px';
        frame.style.border = 0;
        document.body.append(frame);
        return;
    }
    const report = {
        transcripts: transcripts(),
        turned: turned(),
        questions: Array.from(document.querySelectorAll('form.gb-question')).map(answers),
        contrasts: THEMES.flatMap(contrasts),
        overflowing: overflowing(),
        loaded: performance.getEntriesByType('resource').map(entry => entry.name),
    };
    inputs('v1').slice(0, 1).forEach(input => input.click());
    sessionStorage.setItem('report', JSON.stringify(report));
    location.reload();
});
