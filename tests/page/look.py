#!/usr/bin/env python3
"""Look at a report in headless Chromium, as chromedriver shows it, and name what is
wrong: at four widths, the narrowest that of a phone, in the dark and on paper.

    tests/page/look.py index.html

Every fault is a line; without one the exit code is 0.  chromedriver is spoken to in
the W3C WebDriver protocol, by the standard library alone."""
import base64
import http.client
import json
import os
import re
import subprocess
import sys

PHONE = 390
WIDTHS = [PHONE, 768, 1280, 1920]
MOST_PAGES = 15          # of paper

# What a script in the page can see; returns faults as text.
LAYOUT = r"""
const faults = [], wide = arguments[0], paper = arguments[1];
const root = document.documentElement;
const seen = e => e.checkVisibility ? e.checkVisibility() : e.offsetParent !== null;
const name = e => (e.id ? '#' + e.id : e.tagName.toLowerCase()) + ' "' +
    e.textContent.trim().slice(0, 40) + '"';
if (root.scrollWidth > root.clientWidth + 1)
    faults.push('the page is ' + (root.scrollWidth - root.clientWidth) + ' px too wide');
for (const box of document.querySelectorAll('.table')) {
    if (!seen(box)) continue;
    const table = box.querySelector('table'), over = table.scrollWidth - box.clientWidth;
    const scrolls = getComputedStyle(box).overflowX === 'auto' &&
        getComputedStyle(table.querySelector('tbody th')).position === 'sticky';
    if (over > 1 && (wide || paper || !scrolls))
        faults.push(box.getAttribute('aria-label') + ' is ' + over +
                    ' px narrower than its columns');
    for (const cell of table.querySelectorAll('th, td'))
        if (seen(cell) && cell.scrollWidth > cell.clientWidth + 1 && cell.clientWidth > 0)
            faults.push('cell cut in ' + box.getAttribute('aria-label') + ': ' + name(cell));
}
for (const e of document.querySelectorAll('p, h1, h2, li, dd, summary, figcaption'))
    if (seen(e) && !e.classList.contains('vh') && e.scrollWidth > e.clientWidth + 1 &&
        getComputedStyle(e).display !== 'inline')
        faults.push('cut: ' + name(e));
return faults;
"""

CONTRAST = r"""
const faults = [];
function parse(c) {
    const n = (c.match(/[\d.]+/g) || []).map(Number);
    return n.length < 3 ? null : { rgb: n.slice(0, 3), a: n.length > 3 ? n[3] : 1 };
}
function luminance(rgb) {
    const [r, g, b] = rgb.map(v => { v /= 255;
        return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ground(e) {
    for (; e; e = e.parentElement) {
        const c = parse(getComputedStyle(e).backgroundColor);
        if (c && c.a === 1) return c.rgb;
    }
    return [255, 255, 255];
}
// What a drawing has painted under the middle of a text, layer on layer; a text that
// hides what is behind it is drawn twice in its place, as the box and as the letters.
function painted(text) {
    const svg = text.closest('svg'), box = text.getBoundingClientRect();
    const at = new DOMPoint(box.left + box.width / 2, box.top + box.height / 2);
    let found = ground(svg.parentElement);
    for (const e of svg.querySelectorAll('text')) {
        const there = e.getBoundingClientRect();
        if (e.parentNode.style.filter && e.textContent === text.textContent &&
            Math.abs(there.left - box.left) + Math.abs(there.top - box.top) < 2)
            return found;
    }
    for (const e of svg.querySelectorAll('path, polygon, rect, circle')) {
        if (e.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING) break;
        const c = parse(getComputedStyle(e).fill), there = e.getBoundingClientRect();
        const share = c ? c.a * getComputedStyle(e).fillOpacity : 0;
        if (share === 0 || e.closest('defs') || at.x < there.left || at.x > there.right ||
            at.y < there.top || at.y > there.bottom) continue;
        if (e.isPointInFill(at.matrixTransform(e.getScreenCTM().inverse())))
            found = found.map((below, i) => below + share * (c.rgb[i] - below));
    }
    return found;
}
const done = new Set();
for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('script, style')) continue;
    const style = getComputedStyle(e), svg = e.tagName === 'text';
    const ink = parse(svg ? style.fill : style.color);
    const under = svg ? painted(e) : ground(e);
    if (!ink) continue;
    const [hi, lo] = [luminance(ink.rgb), luminance(under)].sort((a, b) => b - a);
    const ratio = (hi + 0.05) / (lo + 0.05), key = ink.rgb + '/' + under;
    if (ratio < 4.5 && !done.has(key)) {
        done.add(key);
        faults.push('contrast ' + ratio.toFixed(2) + ': ' + e.tagName.toLowerCase() + '.' +
                    e.getAttribute('class') + ' "' + e.textContent.trim().slice(0, 30) + '"');
    }
}
return faults;
"""

# Boxes of a figure's texts, a pixel smaller each way.  A name that hides what is
# behind it is drawn twice in its place: as the box and as the letters.  Two numbers on a
# line have room between them, so that 0 and 100 % are not read as 0100 %.
LABELS = r"""
const faults = [];
for (const svg of document.querySelectorAll('svg.figure')) {
    const boxes = [...svg.querySelectorAll('text')].filter(e => e.textContent.trim())
        .map(e => { const b = e.getBoundingClientRect();
            return { e: e, x0: b.left + 1, x1: b.right - 1, y0: b.top + 2, y1: b.bottom - 2 }; })
        .filter(b => b.x1 > b.x0 && b.y1 > b.y0 && !b.e.parentNode.style.filter);
    const edge = svg.getBoundingClientRect();
    for (const b of boxes)
        if (b.x0 < edge.left - 1 || b.x1 > edge.right + 1)
            faults.push(svg.closest('figure').id + ': runs out of the drawing: ' +
                        b.e.textContent.trim());
    for (let i = 0; i < boxes.length; i++)
        for (let j = 0; j < i; j++) {
            const a = boxes[i], b = boxes[j];
            const texts = [a, b].map(box => box.e.textContent.trim());
            const room = Math.abs(a.y0 - b.y0) < 2 && texts.join('').length > 2 &&
                texts.every(text => /^[\d\u2212]/.test(text)) ? 6 : 0;
            if (a.x0 < b.x1 + room && b.x0 < a.x1 + room && a.y0 < b.y1 && b.y0 < a.y1)
                faults.push(svg.closest('figure').id + ': one over the other: "' +
                    a.e.textContent.trim() + '", "' + b.e.textContent.trim() + '"');
        }
}
return faults;
"""

# Of a figure's two drawings the window shows one, whole, in letters that can be read.
FIGURES = r"""
const faults = [], least = 9;
for (const figure of document.querySelectorAll('figure')) {
    const drawings = [...figure.querySelectorAll('svg.figure')];
    const shown = drawings.filter(svg => svg.checkVisibility());
    if (drawings.length && shown.length !== 1)
        faults.push(figure.id + ': ' + shown.length + ' drawings show');
    for (const svg of shown) {
        const box = svg.parentElement, width = svg.getBoundingClientRect().width;
        if (width > document.documentElement.clientWidth || width > box.clientWidth + 1)
            faults.push(figure.id + ' is ' + Math.round(width) + ' px wide');
        const scale = svg.getScreenCTM().a;
        const letters = [...svg.querySelectorAll('text')].filter(e => e.textContent.trim())
            .map(e => [scale * parseFloat(getComputedStyle(e).fontSize), e.textContent]);
        letters.sort((a, b) => a[0] - b[0]);
        if (letters.length && letters[0][0] < least)
            faults.push(figure.id + ': letters of ' + letters[0][0].toFixed(1) + ' px: ' +
                        letters[0][1].trim().slice(0, 40));
    }
}
return faults;
"""

LINKS = r"""
const faults = [];
for (const a of document.querySelectorAll('a[href^="#"]'))
    if (!document.getElementById(a.getAttribute('href').slice(1)))
        faults.push('nothing is at ' + a.getAttribute('href'));
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
for (const id of new Set(ids))
    if (ids.filter(i => i === id).length > 1) faults.push('id ' + id + ' stands twice');
return faults;
"""

FILES = "return [...document.querySelectorAll('a[href]')]" \
        ".map(a => a.getAttribute('href')).filter(h => h[0] !== '#')"


class Browser:
    """A session of chromedriver."""

    def __init__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.session = None
        for line in self.driver.stdout:
            found = re.search(r"successfully on port (\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        else:
            raise SystemExit("chromedriver did not start")
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu",
                     "--hide-scrollbars", "--disable-dev-shm-usage"]
        self.session = "/session/" + self.call("POST", "/session", {
            "capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise SystemExit("chromedriver: " + value["message"].splitlines()[0])
        return value

    def close(self):
        if self.session:
            self.call("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait()

    def run(self, script, *arguments):
        return self.call("POST", self.session + "/execute/sync",
                         {"script": script, "args": list(arguments)})

    def command(self, name, **parameters):
        return self.call("POST", self.session + "/goog/cdp/execute",
                         {"cmd": name, "params": parameters})

    def show(self, width, media="screen", scheme="light"):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900,
                     deviceScaleFactor=1, mobile=False)
        self.command("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": scheme}])

    def point(self, x, y, press=False):
        actions = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]
        if press:
            actions += [{"type": "pointerDown", "button": 0},
                        {"type": "pointerUp", "button": 0}]
        self.call("POST", self.session + "/actions", {"actions": [{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
            "actions": actions}]})

    def middle(self, find):
        """Where the middle of an element is, once it has been brought into sight."""
        return self.run("const e = " + find + "; if (!e) return null;"
                        "e.scrollIntoView({block: 'center', inline: 'center'});"
                        "const b = e.getBoundingClientRect();"
                        "return [b.left + b.width / 2, b.top + b.height / 2];")

    def press(self, find):
        at = self.middle(find)
        if at:
            self.point(*at, press=True)
        return at is not None

    def log(self):
        return [entry["message"] for entry in
                self.call("POST", self.session + "/se/log", {"type": "browser"})
                if entry["level"] == "SEVERE"]


def near(text, value):
    """True if the text holds that number, in four digits."""
    numbers = re.findall(r"[\u2212-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)
    return any(abs(float(n.replace("\u2212", "-")) - value) <= 0.002 * abs(value)
               for n in numbers)


def look_at_values(browser):
    """The value that is told of a mark is the one in the figure's data."""
    figure = "document.getElementById('figure-compute-loss')"
    data = browser.run("const f = " + figure + "; return f && f.querySelector('svg') ? "
                       "f.querySelector('pre').textContent : null")
    if data is None:
        return []
    means = re.search(r"# means, dense.*\n([\d.e+-]+) ([\d.e+-]+)", data)
    compute, loss = float(means.group(1)), float(means.group(2))
    # The mark lies where the axes, told from its ticks, put those two numbers.
    at = browser.run(r"""
        const svg = arguments[0].querySelector('svg'), f = svg.dataset.frames.split(';')[0]
            .trim().split(' ').map(Number);
        const high = svg.viewBox.baseVal.height;
        const x = f[0] + (f[1] - f[0]) * (arguments[1] - f[4]) / (f[5] - f[4]);
        const y = high - (f[2] + (f[3] - f[2]) * (arguments[2] - f[6]) / (f[7] - f[6]));
        svg.scrollIntoView({block: 'center'});
        const p = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
        return [p.x, p.y];""".replace("arguments[0]", figure)
        .replace("arguments[1]", repr(compute)).replace("arguments[2]", repr(loss)))
    browser.point(*at)
    told = browser.run("const t = document.querySelector('.tip.on');"
                       "return t ? t.textContent : ''")
    faults = []
    if not near(told, loss) or not near(told, compute):
        faults.append(f"pointing at {compute}, {loss} tells '{told}'")
    if "dense" not in told:
        faults.append(f"the series of a dense mark is told as '{told}'")
    return faults


# A heading whose column holds numbers alone, and those numbers.
COLUMN = r"""
for (const table of document.querySelectorAll('table')) {
    if (!table.checkVisibility() || table.tBodies[0].rows.length < 3) continue;
    const rows = [...table.tBodies[0].rows].filter(r => !r.classList.contains('total'));
    for (const head of table.tHead.rows[0].cells) {
        const of = r => [...r.children].find(c => c.dataset.h && c.dataset.v !== undefined &&
            head.textContent.startsWith(c.dataset.h.split(' (')[0]));
        if (new Set(rows.map(r => of(r) && of(r).dataset.v)).size === rows.length &&
            rows.every(of)) {
            head.id = 'look-here';
            return rows.map(r => +of(r).dataset.v);
        }
    }
}
return null;
"""


def look_at_key(browser):
    faults = []
    off = "return document.querySelectorAll('svg .off').length"
    series = "document.querySelector('svg .series')"
    if browser.press(series):
        if not browser.run(off):
            faults.append("a series that is pressed in the key does not hide")
        browser.press(series)
        if browser.run(off):
            faults.append("a series that is pressed again does not come back")
    return faults


def look_at_sorting(browser):
    if browser.run(COLUMN) is None:
        return []
    head = "document.getElementById('look-here')"
    browser.press(head)
    falling = browser.run(COLUMN)
    browser.press(head)
    rising = browser.run(COLUMN)
    if falling != sorted(falling, reverse=True) or rising != sorted(rising):
        return [f"a column sorts to {falling}, then {rising}"]
    return []


def look_at_enlarging(browser):
    faults = []
    button = "document.querySelector('figure button')"
    size = ("const b = document.querySelector('figure').getBoundingClientRect();"
            "return [b.width, b.height]")
    if not browser.press(button):
        return []
    if browser.run(size) != browser.run("return [innerWidth, innerHeight]"):
        faults.append("a figure that is enlarged does not fill the window")
    browser.press(button)
    if browser.run(size)[0] >= browser.run("return innerWidth"):
        faults.append("a figure that was enlarged does not close")
    return faults


def look_at_text(browser):
    faults = []
    at = browser.middle("document.querySelectorAll('#toks .t')[2]")
    if not at:
        return []
    browser.point(*at)
    told = browser.run("return document.getElementById('tokinfo').textContent")
    if not told.startswith("token 2 "):
        faults.append(f"pointing at token 2 tells '{told}'")
    shades = ("return [...document.querySelectorAll('#toks .t')]"
              ".map(e => e.className).join()")
    before = browser.run(shades)
    if (browser.press("document.querySelector('#shadeby input:not(:checked)')")
            and browser.run(shades) == before):
        faults.append("shading by something else changes no shade")
    return faults


def look_at_paper(browser):
    faults = browser.run("return [...document.querySelectorAll('details:not([open])')]"
                         ".filter(e => e.checkVisibility()).map(e => 'on paper, folded: '"
                         " + e.textContent.trim().slice(0, 40))")
    pdf = base64.b64decode(browser.command("Page.printToPDF", printBackground=True,
                                           preferCSSPageSize=True)["data"])
    pages = len(re.findall(rb"/Type\s*/Page[^s]", pdf))
    if not 0 < pages < MOST_PAGES:
        faults.append(f"{pages} pages of paper, at most {MOST_PAGES - 1} are wanted")
    return faults


def look(browser, page):
    faults = []

    def add(where, found):
        faults.extend(f"{where}: {fault}" for fault in found)

    browser.show(1280)
    browser.call("POST", browser.session + "/url", {"url": "file://" + page})
    add("links", browser.run(LINKS))
    add("links", [f"there is no file {name}" for name in browser.run(FILES)
                  if not os.path.exists(os.path.join(os.path.dirname(page), name))])
    for width in WIDTHS:
        browser.show(width)
        add(f"{width} px", browser.run(LAYOUT, width >= 1280, False))
    for width in (PHONE, 1280):
        browser.show(width)
        add(f"figures, {width} px", browser.run(FIGURES))
        add(f"labels, {width} px", browser.run(LABELS))
        add(f"light, {width} px", browser.run(CONTRAST))
    add("values", look_at_values(browser))
    for controls in (look_at_key, look_at_sorting, look_at_enlarging, look_at_text):
        add("controls", controls(browser))
    for width in (PHONE, 1280):
        browser.show(width, scheme="dark")
        add(f"dark, {width} px", browser.run(CONTRAST))
    browser.show(700, media="print")
    add("paper", browser.run(LAYOUT, False, True))
    add("paper", look_at_paper(browser))
    add("console", browser.log())
    return faults


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    browser = Browser()
    try:
        faults = look(browser, os.path.abspath(sys.argv[1]))
    finally:
        browser.close()
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
