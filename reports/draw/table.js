/* table.js - Sort a table by the column whose heading is pressed: once from the
 * largest, again from the smallest, a third time as it was. */
(function () {
'use strict';
/* A row of its own for each: a heading that spans rows is repeated in them. */
function unspan(rows) {
    rows.forEach(function (row, i) {
        const head = row.firstElementChild, n = head.rowSpan;
        head.rowSpan = 1;
        for (let k = 1; k < n; k++)
            rows[i + k].prepend(head.cloneNode(true));
    });
}
function key(row, c) {
    const cell = row.children[c], text = cell ? cell.textContent.trim() : '';
    const value = cell && cell.dataset.v !== undefined ? +cell.dataset.v : parseFloat(text);
    return { value: value, text: text };
}
function compare(a, b) {
    const known = [a, b].map(x => !Number.isNaN(x.value));
    if (known[0] && known[1]) return b.value - a.value;
    if (known[0] !== known[1]) return known[0] ? -1 : 1;
    return a.text.localeCompare(b.text);
}
document.querySelectorAll('table').forEach(function (table) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    const original = [...body.rows];
    if (original.length < 3) return;
    let spanned = true;

    function sort(c) {
        const state = { none: 'descending', descending: 'ascending', ascending: 'none' }[
            heads[c].getAttribute('aria-sort') || 'none'];
        if (spanned) unspan(original);
        spanned = false;
        const rows = original.filter(row => !row.classList.contains('total'));
        if (state !== 'none') {
            rows.sort((x, y) => compare(key(x, c), key(y, c)));
            if (state === 'ascending') rows.reverse();
        }
        rows.concat(original.filter(row => row.classList.contains('total')))
            .forEach(row => body.append(row));
        heads.forEach(head => head.removeAttribute('aria-sort'));
        if (state !== 'none') heads[c].setAttribute('aria-sort', state);
    }
    heads.forEach(function (head, c) {
        head.tabIndex = 0;
        head.classList.add('sorts');
        head.addEventListener('click', () => sort(c));
        head.addEventListener('keydown', function (event) {
            if (event.key !== 'Enter' && event.key !== ' ') return;
            event.preventDefault();
            sort(c);
        });
    });
});
})();
