/* assets.c - Hold the style of the figures, and the style and script of the
 * page. */
#include "reports/draw/assets.h"

#include <stddef.h>

void assets_write(const char *const *lines, FILE *out)
{
    for (; *lines; lines++)
        fputs(*lines, out);
}

/* clang-format off */
const char *const assets_gnuplot[] = {
    "\n",
    "# Colour and shape say WHAT is drawn (dense, MoD, an op); fill and dash "
    "say HOW WE\n",
    "# KNOW (predicted, counted, measured, modelled). Nothing is told by "
    "colour alone.\n",
    "if (!exists(\"FMT\")) FMT = 'svg'          # svg, png or pdf\n",
    "\n",
    "# Liberation Sans has the widths of Arial: the PNG shows what a browser "
    "will lay out.\n",
    "FONT = (FMT eq 'svg') ? 'Arial' : 'Liberation Sans'\n",
    "if (FMT eq 'svg') { set terminal svg size W,H font FONT.',13' enhanced "
    "rounded linewidth 1 background '#ffffff' }\n",
    "if (FMT eq 'png') { set terminal pngcairo size int(2*W),int(2*H) font "
    "FONT.',9.75' fontscale 2 linewidth 2 pointscale 2 enhanced rounded background "
    "'#ffffff' }\n",
    "if (FMT eq 'pdf') { set terminal pdfcairo size W/96. in, H/96. in font "
    "FONT.',9.75' linewidth 1 enhanced rounded background '#ffffff' }\n",
    "set termoption noenhanced                # foreign text carries no markup\n",
    "if (OUT ne '') { set output OUT.'.'.FMT }\n",
    "set encoding utf8\n",
    "\n",
    "INK   = '#1A1A1A'    # text                       17.4 : 1 on white\n",
    "MUTED = '#5F6368'    # axes, notes                 6.0 : 1\n",
    "RULE  = '#E3E3E3'    # grid, never data\n",
    "# what: models\n",
    "C_DENSE   = '#555555'\n",
    "C_MOD     = '#0072B2'\n",
    "C_CONTROL = '#B34700'\n",
    "C_ALT     = '#1B7F5C'\n",
    "# what: ops (attention blue, feed-forward orange)\n",
    "array OPC[7] = ['#1F5A99', '#4A8FC7', '#B34700', '#D4732A', '#A0307A',"
    " '#8A8A8A', '#1B7F5C']\n",
    "# gnuplot point types: the hollow twin of a filled mark n is n-1\n",
    "PT_DENSE = 7; PT_MOD = 5; PT_CONTROL = 9; PT_ALT = 13\n",
    "set dashtype 11 (10,8)      # predicted; round caps eat into gaps: keep "
    "them wide\n",
    "set dashtype 12 (1,7)       # modelled\n",
    "DT_PRED = 11; DT_MODEL = 12\n",
    "\n",
    "set style line 1 lc rgb C_DENSE   lw 1.8 pt PT_DENSE   ps 0.8\n",
    "set style line 2 lc rgb C_MOD     lw 1.8 pt PT_MOD     ps 0.8\n",
    "set style line 3 lc rgb C_CONTROL lw 1.8 pt PT_CONTROL ps 1.0\n",
    "set style line 4 lc rgb C_ALT     lw 1.8 pt PT_ALT     ps 1.0\n",
    "set style line 90 lc rgb RULE  lw 0.8\n",
    "set style line 91 lc rgb MUTED lw 0.9\n",
    "set style line 92 lc rgb INK   lw 1.2\n",
    "\n",
    "set lmargin at screen ML/W\n",
    "set rmargin at screen 1-MR/W\n",
    "set tmargin at screen 1-MT/H\n",
    "set bmargin at screen MB/H\n",
    "set border 3 ls 91\n",
    "set tics nomirror out scale 0.5,0.25 textcolor rgb INK\n",
    "set grid xtics ytics ls 90, ls 90\n",
    "set style fill solid 1.0 noborder\n",
    "set errorbars small\n",
    "# An interval over a filled bar: white casing, then ink (yerrorbars "
    "would punch a hole).\n",
    "set style arrow 1 heads size screen 0.004,90 lc rgb '#FFFFFF' lw 4\n",
    "set style arrow 2 heads size screen 0.004,90 lc rgb INK lw 1.3\n",
    "unset title\n",
    "\n",
    "minus(s) = s[1:1] eq '-' ? '−'.s[2:*] : s\n",
    "signed(fmt,v) = minus(sprintf(fmt, v))\n",
    "HEADFONT = FONT.':Bold'.((FMT eq 'svg') ? ',16' : ',12')\n",
    "SMALL    = FONT.((FMT eq 'svg') ? ',11.5' : ',8.6')\n",
    "MONO     = 'Liberation Mono'.((FMT eq 'svg') ? ',12' : ',9')\n",
    "set key at screen 10./W, screen 1-KEYTOP/H left top horizontal maxrows "
    "2 Left reverse noenhanced samplen 2.6 width 1 height 0 spacing 1.05 "
    "textcolor rgb INK\n",
    NULL,
};

const char *const assets_css[] = {
    ":root{--bg:#fff;--ink:#1a1a1a;--muted:#5f6368;--rule:#d9dadd;--soft:#f4f5f6;"
    "--link:#0b5cad;--mod:#0072b2;--warn:#b34700;\n",
    "--c0:transparent;--c1:#eef4f8;--c2:#dde9f2;--c3:#ccdfec;--c4:#b7d2e5;"
    "--c5:#9fc3dc;--c6:#86b4d3}\n",
    "@media (prefers-color-scheme:dark){:root{--bg:#15171a;--ink:#e8e8e6;"
    "--muted:#a6abb2;--rule:#3a3e44;--soft:#1f2226;--link:#7db8ee;--mod:#56b4e9;"
    "--warn:#f0a35e;\n",
    "--c0:transparent;--c1:#1b2730;--c2:#1f3340;--c3:#234051;--c4:#274e64;"
    "--c5:#2b5c78;--c6:#2f6b8c}}\n",
    "*{box-sizing:border-box}\n",
    "html{font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Arial,sans-serif;"
    "background:var(--bg);color:var(--ink);-webkit-text-size-adjust:100%}"
    "\n",
    "body{max-width:58rem;margin:0 auto;padding:1rem 1rem 4rem}\n",
    "h1{font-size:1.5rem;line-height:1.2;margin:.2rem 0 .6rem}\n",
    "h2{font-size:1.15rem;margin:2.4rem 0 .6rem;border-top:1px solid var(--rule);"
    "padding-top:.8rem}\n",
    "p,li{max-width:44rem}\n",
    "a{color:var(--link)}\n",
    "a:focus-visible,[tabindex]:focus-visible,summary:focus-visible{outline:3px "
    "solid var(--link);outline-offset:2px}\n",
    ".run,.files,.notes,figcaption,caption,.tokinfo{color:var(--muted);font-size:.875rem}"
    "\n",
    ".lead{font-size:1.25rem;line-height:1.45;max-width:50rem}\n",
    ".lead i,td i{font-style:normal;color:var(--muted);font-size:.85em}\n",
    ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--bg);"
    "padding:.4rem .8rem}\n",
    ".vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);"
    "margin:0;padding:0;border:0}\n",
    "nav{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;margin:1rem 0;font-size:.95rem}"
    "\n",
    "figure{margin:1.2rem 0}\n",
    "figure img{display:block;width:100%;height:auto;background:#fff;border-radius:4px}"
    "\n",
    "figcaption{margin-top:.3rem}\n",
    ".files a{margin-left:.5rem}\n",
    ".files{margin:.2rem 0}\n",
    ".notes{margin:.2rem 0;max-width:none}\n",
    ".run code{overflow-wrap:anywhere}\n",
    ".banner{border:2px solid var(--warn);padding:.4rem .8rem;font-weight:600}"
    "\n",
    ".nofig{border:1px dashed var(--muted);padding:.6rem .8rem}\n",
    "pre{font-size:.8rem;max-height:20rem;overflow:auto;background:var(--soft);"
    "padding:.6rem;margin:.4rem 0}\n",
    "details{margin:.5rem 0}\n",
    "summary{cursor:pointer;color:var(--link);font-size:.9rem}\n",
    "dt{font-weight:600;margin-top:.5rem}\n",
    "dd{margin:0;max-width:44rem}\n",
    ".scroll{overflow-x:auto}\n",
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;"
    "margin:.6rem 0}\n",
    "caption{text-align:left;padding-bottom:.3rem}\n",
    ".cap{display:block;max-width:min(54rem,calc(100vw - 2rem))}\n",
    "th,td{padding:.25rem .7rem .25rem 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--rule);white-space:nowrap}\n",
    "thead th{font-weight:600;border-bottom:2px solid var(--muted);text-align:right}"
    "\n",
    "thead th.l{text-align:left}\n",
    "thead th{white-space:normal;vertical-align:bottom;min-width:4.5rem}\n",
    "sup{line-height:0}\n",
    "td.w{white-space:normal;min-width:18rem}\n",
    "tr.total>*{border-top:2px solid var(--muted);font-weight:600}\n",
    "td{overflow-wrap:break-word}\n",
    ".n{text-align:right}\n",
    "td.m{color:var(--mod);font-weight:600}\n",
    ".unk{color:var(--muted);font-style:italic}\n",
    ".warn{color:var(--warn);font-weight:600}\n",
    ".pv{font-size:.7rem;font-weight:600;letter-spacing:.02em;padding:0 .3em;"
    "border:1px solid var(--muted);border-radius:3px;text-decoration:none;"
    "color:var(--ink);white-space:nowrap}\n",
    ".pv.p{border-style:dashed}.pv.c{background:var(--soft)}.pv.m{background:var(--ink);"
    "color:var(--bg)}.pv.d{border-style:dotted}\n",
    ".toks{font:1rem/2.1 ui-monospace,\"Liberation Mono\",Consolas,monospace;"
    "max-width:none;overflow-wrap:anywhere}\n",
    ".bytes{line-height:1.7}\n",
    ".t{padding:.15em .2em;border-bottom:0 solid var(--mod);border-radius:2px;"
    "white-space:pre-wrap}\n",
    ".c0{background:var(--c0)}.c1{background:var(--c1);border-bottom-width:1px}"
    ".c2{background:var(--c2);border-bottom-width:2px}.c3{background:var(--c3);"
    "border-bottom-width:3px}.c4{background:var(--c4);border-bottom-width:4px}"
    ".c5{background:var(--c5);border-bottom-width:5px}.c6{background:var(--c6);"
    "border-bottom-width:6px}\n",
    ".bytes .t{padding:.15em 0;border-radius:0}\n",
    ".legend .t{display:inline-block;width:1.4em}\n",
    ".t:hover,.t.on{outline:2px solid var(--ink)}\n",
    ".tokinfo{position:sticky;bottom:0;background:var(--bg);border-top:1px "
    "solid var(--rule);padding:.4rem 0;margin:0;max-width:none;font-variant-numeric:tabular-nums}"
    "\n",
    "@media (max-width:40rem){html{font-size:15px}.lead{font-size:1.1rem}"
    "figure img{min-width:36rem}}\n",
    "@media print{:root{--bg:#fff;--ink:#000;--muted:#444;--rule:#bbb;--link:#000;"
    "--mod:#005a8f}\n",
    "@page{margin:16mm}nav,.skip,.tokinfo{display:none}h2{break-after:avoid}"
    "figure,tr{break-inside:avoid}details::details-content{content-visibility:visible;"
    "height:auto}.t,.pv,img{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "a{text-decoration:none}}\n",
    "@media (forced-colors:active){.t{border-bottom-color:CanvasText}.pv{"
    "border-color:CanvasText}}\n",
    NULL,
};

const char *const assets_script[] = {
    "(function(){'use strict';\n",
    "var box=document.getElementById('toks'),out=document.getElementById('tokinfo');"
    "\n",
    "window.addEventListener('beforeprint',function(){\n",
    "document.querySelectorAll('details').forEach(function(d){d.open=true}"
    ")});\n",
    "if(!box||!out)return;\n",
    "var t=box.querySelectorAll('.t'),at=-1;\n",
    "var layers=box.dataset.layers?box.dataset.layers.split(','):[];\n",
    "function show(k){\n",
    "if(k<0||k>=t.length)return;\n",
    "if(at>=0)t[at].classList.remove('on');\n",
    "at=k;\n",
    "var e=t[k],b=e.dataset.b,on=[],j;\n",
    "for(j=0;j<b.length;j++)if(b[j]==='1')on.push(layers[j]);\n",
    "e.classList.add('on');\n",
    "out.textContent='token '+e.dataset.i+' \\u201c'+e.textContent+'\\u201d: "
    "'\n",
    "+on.length+' of '+b.length+' routed '+box.dataset.what\n",
    "+(on.length?', layers '+on.join(', '):'')\n",
    "+(e.dataset.l?'; loss of the next'+(e.dataset.n?', \\u201c'+e.dataset.n"
    "+'\\u201d':'')+': '+e.dataset.l+' nats':'');\n",
    "}\n",
    "function pointed(v){\n",
    "var e=v.target.closest('.t');\n",
    "if(e&&box.contains(e))show(Array.prototype.indexOf.call(t,e));\n",
    "}\n",
    "box.addEventListener('pointerover',pointed);\n",
    "box.addEventListener('click',pointed);\n",
    "box.addEventListener('keydown',function(v){\n",
    "var d={ArrowRight:1,ArrowLeft:-1}[v.key];\n",
    "if(d){show(Math.min(t.length-1,Math.max(0,at+d)));v.preventDefault()}"
    "\n",
    "else if(v.key==='Home'){show(0);v.preventDefault()}\n",
    "else if(v.key==='End'){show(t.length-1);v.preventDefault()}\n",
    "else if(v.key==='Escape'&&at>=0){\n",
    "t[at].classList.remove('on');at=-1;out.textContent='No token chosen.'}"
    "\n",
    "});\n",
    "})();\n",
    NULL,
};
