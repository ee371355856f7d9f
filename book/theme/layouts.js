'use strict';

// A transcript that depends on the cgroup layout of the machine gets a switch. All switches of a page go
// together, and the choice is remembered.
(function() {
    const KEY = 'glassbox-layout';

    // A browser can forbid to keep anything.
    function remembered() {
        try {
            return localStorage.getItem(KEY);
        } catch {
            return null;
        }
    }

    function remember(layout) {
        try {
            localStorage.setItem(KEY, layout);
        } catch {
            // Then the choice is for this page.
        }
    }

    // Without scripts all but the first are in a `details` to be unfolded.
    function unfold(variant) {
        if (variant.tagName !== 'DETAILS') {
            return variant;
        }
        const plain = document.createElement('div');
        plain.className = variant.className;
        plain.dataset.layouts = variant.dataset.layouts;
        plain.append(variant.querySelector('pre'));
        variant.replaceWith(plain);
        return plain;
    }

    function option(name, layouts, chosen) {
        const label = document.createElement('label');
        const input = document.createElement('input');
        input.type = 'radio';
        input.name = name;
        input.value = layouts[0];
        input.addEventListener('change', () => chosen(input));
        label.append(input, layouts.join(', '));
        return { layouts, input, label };
    }

    const figures = Array.from(document.querySelectorAll('.gb-transcript'))
        .filter(figure => figure.querySelector('.gb-layout'))
        .map((figure, index) => {
            const variants = Array.from(figure.querySelectorAll('.gb-layout')).map(unfold);
            const options = variants.map(variant => option('layout-' + index, variant.dataset.layouts.split(', '), choose));
            const field = document.createElement('fieldset');
            field.className = 'gb-switch';
            const legend = document.createElement('legend');
            legend.textContent = 'cgroup layout';
            field.append(legend, ...options.map(({ label }) => label));
            // The arrow keys choose a layout here; elsewhere in the page they turn it.
            field.addEventListener('keydown', event => event.stopPropagation());
            figure.querySelector('figcaption').after(field);
            return { variants, options };
        });

    function show(layout) {
        figures.forEach(({ variants, options }) => {
            const found = options.findIndex(({ layouts }) => layouts.includes(layout));
            const shown = Math.max(found, 0);
            variants.forEach((variant, index) => { variant.hidden = index !== shown; });
            options[shown].input.checked = true;
        });
    }

    // The transcripts above have other lengths then: the switch stays where it is in the window.
    function choose(input) {
        const top = input.getBoundingClientRect().top;
        remember(input.value);
        show(input.value);
        window.scrollBy({ top: input.getBoundingClientRect().top - top, behavior: 'instant' });
    }

    show(remembered());
})();
