/* page.js - Show the token that is pointed at; open what is folded before printing. */
(function(){'use strict';
var box=document.getElementById('toks'),out=document.getElementById('tokinfo');
window.addEventListener('beforeprint',function(){
document.querySelectorAll('details').forEach(function(d){d.open=true})});
if(!box||!out)return;
var t=box.querySelectorAll('.t'),at=-1;
var layers=box.dataset.layers?box.dataset.layers.split(','):[];
function show(k){
if(k<0||k>=t.length)return;
if(at>=0)t[at].classList.remove('on');
at=k;
var e=t[k],b=e.dataset.b,on=[],j;
for(j=0;j<b.length;j++)if(b[j]==='1')on.push(layers[j]);
e.classList.add('on');
out.textContent='token '+e.dataset.i+' \u201c'+e.textContent+'\u201d: '
+on.length+' of '+b.length+' routed '+box.dataset.what
+(on.length?', layers '+on.join(', '):'')
+(e.dataset.l?'; loss of the next'+(e.dataset.n?', \u201c'+e.dataset.n+'\u201d':'')+': '+e.dataset.l+' nats':'');
}
function pointed(v){
var e=v.target.closest('.t');
if(e&&box.contains(e))show(Array.prototype.indexOf.call(t,e));
}
box.addEventListener('pointerover',pointed);
box.addEventListener('click',pointed);
box.addEventListener('keydown',function(v){
var d={ArrowRight:1,ArrowLeft:-1}[v.key];
if(d){show(Math.min(t.length-1,Math.max(0,at+d)));v.preventDefault()}
else if(v.key==='Home'){show(0);v.preventDefault()}
else if(v.key==='End'){show(t.length-1);v.preventDefault()}
else if(v.key==='Escape'&&at>=0){
t[at].classList.remove('on');at=-1;out.textContent='No token chosen.'}
});
})();
