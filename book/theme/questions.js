'use strict';

// Checks the answers to the questions of a chapter, in the page. Nothing is sent anywhere.
(function() {
    function show(form, right, html) {
        const verdict = form.querySelector('.gb-verdict');
        verdict.classList.toggle('gb-right', right);
        verdict.classList.toggle('gb-wrong', !right);
        // The text was made from the book's own source when the book was built.
        verdict.innerHTML = '<strong>' + (right ? '✔ Right.' : '✘ Not so.') + '</strong> ' + html;
    }

    function ask(form, text) {
        const verdict = form.querySelector('.gb-verdict');
        verdict.classList.remove('gb-right', 'gb-wrong');
        verdict.textContent = text;
    }

    function plain(text) {
        return text.trim().toLowerCase().replace(/\s+/g, ' ');
    }

    function checkChoice(form) {
        const chosen = form.querySelector('input[type="radio"]:checked');
        if (!chosen) {
            ask(form, 'Choose an answer first.');
        } else if (chosen.dataset.right !== undefined) {
            show(form, true, form.dataset.explain);
        } else {
            show(form, false, chosen.dataset.why);
        }
    }

    function checkText(form, field) {
        const given = plain(field.value);
        const right = JSON.parse(field.dataset.answers).map(plain);
        const mistake = JSON.parse(field.dataset.mistakes).find(([answer]) => plain(answer) === given);
        if (given === '') {
            ask(form, 'Write an answer first.');
        } else if (right.includes(given)) {
            show(form, true, form.dataset.explain);
        } else {
            show(form, false, mistake ? mistake[1] : 'Try again, or show the answer.');
        }
    }

    document.querySelectorAll('form.gb-question').forEach(form => {
        form.addEventListener('submit', event => {
            event.preventDefault();
            const field = form.querySelector('input[type="text"]');
            if (field) {
                checkText(form, field);
            } else {
                checkChoice(form);
            }
        });
        // The arrow keys choose an answer here; elsewhere in the page they turn it.
        form.addEventListener('keydown', event => event.stopPropagation());
    });
})();
