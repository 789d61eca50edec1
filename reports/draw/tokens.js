/* tokens.js - Show the token that is pointed at, and shade the text by what is
 * chosen. */
(function () {
'use strict';
const box = document.getElementById('toks'), out = document.getElementById('tokinfo');
if (!box || !out) return;
const tokens = [...box.querySelectorAll('.t')];
const layers = box.dataset.layers ? box.dataset.layers.split(',') : [];
let at = -1;

function words(e) {
    const on = layers.filter((layer, k) => e.dataset.b[k] === '1');
    let text = 'token ' + e.dataset.i + ' \u201c' + e.textContent + '\u201d';
    if (layers.length)
        text += ': ' + on.length + ' of ' + layers.length + ' routed ' + box.dataset.what +
                (on.length ? ', layers ' + on.join(', ') : '');
    if (e.dataset.l)
        text += '; loss of the next' + (e.dataset.n ? ', \u201c' + e.dataset.n + '\u201d' : '') +
                ': ' + e.dataset.l + ' nats';
    return text + (e.dataset.f ? '; ' + e.dataset.f : '') + (e.dataset.j ? '; ' + e.dataset.j : '');
}
function show(k) {
    if (k < 0 || k >= tokens.length) return;
    if (at >= 0) tokens[at].classList.remove('on');
    at = k;
    tokens[at].classList.add('on');
    out.textContent = words(tokens[at]);
}
function pointed(event) {
    const e = event.target.closest('.t');
    if (e && box.contains(e)) show(tokens.indexOf(e));
}
box.addEventListener('pointerover', pointed);
box.addEventListener('click', pointed);
box.addEventListener('keydown', function (event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) show(Math.min(tokens.length - 1, Math.max(0, at + step)));
    else if (event.key === 'Home') show(0);
    else if (event.key === 'End') show(tokens.length - 1);
    else if (event.key === 'Escape' && at >= 0) {
        tokens[at].classList.remove('on');
        at = -1;
        out.textContent = 'No token chosen.';
        return;
    } else return;
    event.preventDefault();
});

/* data-s holds a digit, the shade, for each thing to shade by. */
const choice = document.getElementById('shadeby');
if (!choice) return;
choice.hidden = false;
choice.addEventListener('change', function (event) {
    const k = +event.target.value, legend = document.getElementById('shades');
    tokens.forEach(e => { e.className = e.className.replace(/c\d/, 'c' + e.dataset.s[k]); });
    legend.firstElementChild.textContent = event.target.dataset.low;
    legend.lastElementChild.textContent = event.target.dataset.high;
});
})();
