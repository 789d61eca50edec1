/* figure.js - Tell the value of the mark that is pointed at, hide the series whose
 * name is pressed, and enlarge a figure. */
(function () {
'use strict';
const tip = document.createElement('div');
tip.className = 'tip';
tip.setAttribute('role', 'status');
document.body.append(tip);

function number(x) {
    if (!Number.isFinite(x)) return '?';
    return String(+x.toPrecision(4)).replace('-', '\u2212');
}
/* A frame of the drawing: pixels from the upper left, and how they become values. */
function framesOf(svg) {
    const high = svg.viewBox.baseVal.height;
    return svg.dataset.frames.split(';').map(s => s.trim().split(' ').map(Number))
        .filter(f => f.length === 10).map(function (f) {
            const axis = (p, p0, p1, v0, v1, log) => log
                ? v0 * Math.pow(v1 / v0, (p - p0) / (p1 - p0))
                : v0 + (v1 - v0) * (p - p0) / (p1 - p0);
            return { x0: f[0], x1: f[1], y0: high - f[3], y1: high - f[2],
                     x: p => axis(p, f[0], f[1], f[4], f[5], f[8]),
                     y: p => axis(high - p, f[2], f[3], f[6], f[7], f[9]),
                     base: f[9] ? NaN : f[6] };
        });
}
function inside(f, p) {
    return p.x >= f.x0 - 1 && p.x <= f.x1 + 1 && p.y >= f.y0 - 1 && p.y <= f.y1 + 1;
}
function place(e) {
    const m = /translate\(([\d.-]+)[ ,]+([\d.-]+)\)/.exec(e.getAttribute('transform') || '');
    return m ? { x: +m[1], y: +m[2] } : null;
}
function numbers(text) { return (text.match(/-?\d+(\.\d+)?/g) || []).map(Number); }
/* Paper, and bands that only say where something may lie. */
const QUIET = ['#ffffff', '#edeff1', '#f0f0f0'];

/* The colour by which a series is known: of a bar, a line or a mark. */
function colour(e) {
    for (const name of ['fill', 'stroke', 'color']) {
        const value = e.getAttribute(name);
        if (value && value[0] === '#' && !QUIET.includes(value)) return value;
        if (value && value.startsWith('url(')) {
            const path = document.querySelector(value.slice(4, -1) + ' path');
            if (path) return path.getAttribute('stroke');
        }
    }
    return null;
}
function texts(svg) {
    return [...svg.querySelectorAll('text')].map(function (e) {
        const g = e.parentNode, p = place(g) || { x: 0, y: 0 };
        return { e: e, x: p.x, y: p.y, text: e.textContent.trim(),
                 turned: /rotate\(270/.test(g.getAttribute('transform') || '') };
    }).filter(t => t.text);
}
/* Everything drawn that has a value: marks, ends and corners of lines, tops of bars. */
function marksOf(svg, frames) {
    const marks = [];
    svg.querySelectorAll('.plot use, .plot path, .plot polygon').forEach(function (e) {
        const of = colour(e);
        if (!of) return;
        if (e.tagName === 'use') {
            const p = place(e);
            if (p) marks.push({ e: e, x: p.x, y: p.y, of: of });
        } else if (e.tagName === 'polygon') {
            const n = numbers(e.getAttribute('points'));
            const xs = n.filter((v, i) => i % 2 === 0), ys = n.filter((v, i) => i % 2);
            const box = { x0: Math.min(...xs), x1: Math.max(...xs),
                          y0: Math.min(...ys), y1: Math.max(...ys) };
            marks.push({ e: e, x: (box.x0 + box.x1) / 2, y: box.y0, box: box, of: of });
        } else {
            const n = numbers(e.getAttribute('d'));
            for (let i = 0; i + 1 < n.length; i += 2)
                marks.push({ e: e, x: n[i], y: n[i + 1], of: of });
        }
    });
    marks.forEach(m => { m.frame = frames.find(f => inside(f, m)); });
    return marks.filter(m => m.frame);
}
/* Lines named at their ends instead: the first name in each colour that is drawn. */
function namesOf(all, marks) {
    const names = [];
    all.forEach(function (t) {
        const of = t.e.parentNode.getAttribute('fill');
        if (marks.some(m => m.of === of) && !t.e.parentNode.style.filter &&
            !names.some(n => n.of === of))
            names.push({ name: t, of: of });
    });
    return names;
}
/* An entry of the key: its name, and the colour of its sample. */
function keyOf(svg, frames, all) {
    const key = [];
    svg.querySelectorAll('.plot').forEach(function (plot) {
        const name = all.find(t => plot.contains(t.e) && !frames.some(f => inside(f, t)));
        const sample = [...plot.querySelectorAll('path, use, rect, polygon')].map(colour)
            .find(c => c && c !== '#1a1a1a');
        if (name && sample) key.push({ name: name, of: sample });
    });
    return key;
}
/* A bar is pointed at anywhere inside it; a mark that is nearer than a finger's
 * breadth comes first. */
function distance(m, p) {
    if (!m.box) return Math.hypot(m.x - p.x, m.y - p.y);
    const b = m.box;
    return p.x >= b.x0 && p.x <= b.x1 && p.y >= b.y0 - 2 && p.y <= b.y1 + 2 ? 6 : 1e9;
}
function nearest(list, of) {
    return list.reduce((best, t) => of(t) < (best ? of(best) : Infinity) ? t : best, null);
}
/* Names of a frame's axes stand beside it; without one, of a tick below it. */
function axes(f, all, mark) {
    const middle = (f.x0 + f.x1) / 2;
    const y = nearest(all.filter(t => t.turned && t.x < f.x0 && t.y > f.y0 - 40 &&
                                      t.y < f.y1 + 40), t => f.x0 - t.x);
    const below = all.filter(t => !t.turned && t.y > f.y1 && t.y < f.y1 + 70);
    const x = below.find(t => Math.abs(t.x - middle) < 3 && t.y > f.y1 + 25 &&
                              Number.isNaN(+t.text));
    return { y: y ? y.text : '', x: x ? x.text : '',
             tick: nearest(below.filter(t => Math.abs(t.x - mark.x) < 40 && t !== x),
                           t => Math.abs(t.x - mark.x) + (t.y - f.y1) / 4) };
}
function words(mark, key, all) {
    const f = mark.frame, named = axes(f, all, mark);
    const series = key.find(k => k.of === mark.of);
    let value = f.y(mark.y);
    if (mark.box && Math.abs(f.y1 - mark.box.y1) > 1) value -= f.y(mark.box.y1);
    const at = named.x && !mark.box ? named.x + ' ' + number(f.x(mark.x))
             : named.tick ? named.tick.text : '';
    return [series ? series.name.text : '', at,
            named.y + ' ' + number(value)].filter(Boolean).join(' \u00b7 ');
}

function prepare(svg) {
    const frames = framesOf(svg), all = texts(svg), marks = marksOf(svg, frames);
    let key = keyOf(svg, frames, all);
    if (!key.length) key = namesOf(all, marks);

    svg.addEventListener('pointermove', function (event) {
        const matrix = svg.getScreenCTM().inverse();
        const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
        const frame = frames.find(f => inside(f, p));
        const mark = frame && nearest(marks.filter(m => m.frame === frame &&
            !m.e.closest('.off')), m => distance(m, p));
        if (!mark || distance(mark, p) > 24 || !axes(frame, all, mark).y) {
            tip.classList.remove('on');
            return;
        }
        tip.textContent = words(mark, key, all);
        tip.classList.add('on');
        const width = tip.offsetWidth, edge = document.documentElement.clientWidth;
        tip.style.left = Math.max(4, Math.min(event.clientX + 12, edge - width - 4)) + 'px';
        tip.style.top = (event.clientY + 18) + 'px';
    });
    svg.addEventListener('pointerleave', () => tip.classList.remove('on'));

    key.filter(entry => marks.some(m => m.of === entry.of)).forEach(function (entry) {
        const name = entry.name.e;
        name.classList.add('series');
        name.setAttribute('tabindex', '0');
        name.setAttribute('role', 'button');
        name.setAttribute('aria-pressed', 'true');
        function toggle() {
            const off = name.classList.toggle('away');
            name.setAttribute('aria-pressed', String(!off));
            marks.filter(m => m.of === entry.of).forEach(m => m.e.classList.toggle('off', off));
        }
        name.addEventListener('click', toggle);
        name.addEventListener('keydown', function (event) {
            if (event.key !== 'Enter' && event.key !== ' ') return;
            event.preventDefault();
            toggle();
        });
    });
}

document.querySelectorAll('svg.figure').forEach(prepare);
document.querySelectorAll('figure').forEach(function (figure) {
    if (!figure.querySelector('svg')) return;
    const button = document.createElement('button');
    function size(large) {
        figure.classList.toggle('large', large);
        button.textContent = large ? 'Close' : 'Enlarge';
        button.setAttribute('aria-expanded', String(large));
    }
    button.type = 'button';
    button.addEventListener('click', () => size(!figure.classList.contains('large')));
    figure.addEventListener('keydown', event => { if (event.key === 'Escape') size(false); });
    figure.querySelector('figcaption').prepend(button);
    size(false);
});
})();
