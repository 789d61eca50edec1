#!/usr/bin/env python3
"""Write what Jinja makes of chat templates, set up as transformers sets it up, for
tests/test_template.c; or hold models/templates against it on public templates.

    pip install jinja2==3.1.6
    tests/compare/chat_templates.py >tests/data/chat/cases.json

    pip download --no-deps trl==1.16.0 unsloth==2026.10.9    # templates, in wheels
    cc -I. tests/compare/template.c build/libisobath.a ... -o build/template
    tests/compare/chat_templates.py build/template *.whl >tests/compare/chat_templates.csv

The second compares the text of every template, for three conversations, with and
without the beginning of an answer.
"""
import ast
import hashlib
import json
import subprocess
import sys
import zipfile

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """{% generation %}: what stands in it is printed."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("inner")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def inner(self, caller):
        return caller()


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, loopcontrols])
    env.filters["tojson"] = lambda value, indent=None: json.dumps(
        value, ensure_ascii=False, indent=indent)
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = lambda form: __import__(
        "datetime").datetime.now().strftime(form)
    return env


CONVERSATIONS = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "Be brief."},
     {"role": "user", "content": "  Hi \n"}],
    [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"},
     {"role": "user", "content": "\u00c7 \u201c\u00e9\u201d \u65e5\u672c "
                                 "\U0001f600"}],
]


def variables(messages, begin):
    return {"messages": messages, "add_generation_prompt": begin,
            "tools": None, "documents": None, "bos_token": "<s>",
            "eos_token": "</s>"}


def filled(env, template, given):
    try:
        return env.from_string(template).render(**given)
    except (jinja2.exceptions.TemplateError, TypeError):
        return None


# ---- templates of our own, each with parts that public ones have ----

OWN = {
    "chatml": """{% for m in messages %}{% if loop.first and m['role'] != 'system'
 %}{{ '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{% endif %}{{ '<|im_start|>'
 + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if
 add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "headers": """{% set ns = messages %}{% for m in ns %}{% set text = '<|h|>' +
 m['role'] + '<|/h|>\\n\\n' + m['content'] | trim + '<|eot|>' %}{% if
 loop.index0 == 0 %}{% set text = bos_token + text %}{% endif %}{{ text }}{%
 endfor %}{% if add_generation_prompt %}{{ '<|h|>assistant<|/h|>\\n\\n' }}{% endif
 %}""",
    "turns": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{
 raise_exception('System role not supported') }}{% endif %}{% for m in messages
 %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{
 raise_exception('Roles must alternate') }}{% endif %}{% if m['role'] ==
 'assistant' %}{% set role = 'model' %}{% else %}{% set role = m['role'] %}{% endif
 %}{{ '<start_of_turn>' + role + '\\n' + m['content'] | trim + '<end_of_turn>\\n'
 }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif
 %}""",
    "inst": """{% if messages[0]['role'] == 'system' %}{% set loop_messages =
 messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set
 loop_messages = messages %}{% set system = false %}{% endif %}{% for m in
 loop_messages %}{% if loop.index0 == 0 and system != false %}{% set content =
 '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}{% else %}{% set
 content = m['content'] %}{% endif %}{% if m['role'] == 'user' %}{{ bos_token +
 '[INST] ' + content.strip() + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{
 ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "lines": """{% for message in messages %}
    {% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + '<|end|>' }}
    {%- elif message['role'] == 'system' %}
{{ '<|system|>\\n' ~ message.content ~ eos_token -}}
    {% else %}
{{- '<|assistant|>\\n' }}
        {%+ generation %}
{{ message.content + eos_token }}
        {% endgeneration %}
    {% endif %}
    {# a comment #}
{% if loop.last and add_generation_prompt -%}
{{ '<|assistant|>' }}

{% endif %}
{% endfor %}
""",
    "last": """{{ bos_token }}{% set ns = namespace(last=messages|length - 1,
 thinks=true) %}{% for m in messages[::-1] %}{% set index = (messages|length - 1) -
 loop.index0 %}{% if ns.thinks and m.role == "user" and not
 (m.content.startswith('<t>') and m.content.endswith('</t>')) %}{% set ns.thinks =
 false %}{% set ns.last = index %}{% endif %}{% endfor %}{% for m in messages %}{%
 set content = m.content if m.content is string else '' %}{% if 'B' in content %}{{
 content.split('B')[-1].lstrip('\\n') }}{{ '[' ~ loop.index ~ '/' ~ loop.length ~
 ']' }}{% endif %}{{ loop.index0 > ns.last }}{{ ns.last }}{% endfor %}""",
    "macro": """{%- macro part(text, before='<', after='>') -%}{{ before + text +
 after }}{%- endmacro -%}{% for m in messages %}{{ part(m.role) }}{{
 part(m.content, after='|') }}{% endfor %}{%- set body %}{% for m in messages %}{{
 m.role[0] | upper }}{% endfor %}{% endset %}{{ body }}{{ body | length }}""",
    "select": """{{ messages | selectattr('role', 'equalto', 'user') | list |
 length }} {{ messages | map(attribute='role') | join(', ') }} {{ (messages |
 rejectattr('role', '==', 'user') | list)[0].content if messages | length > 1 }} {%
 for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }}{% else
 %}none{% endfor %} {{ messages | tojson }}{{ messages[0] | tojson(indent=2) }}{{
 messages[0].items() | list | length }}""",
    "numbers": """{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 * 3 - 1 }} {{ 1 < 2
 }} {{ 'a' < 'b' }} {{ 1 == true }} {{ none }} {{ 10 is even }} {{ 3 is odd }} {{ 3
 is divisibleby(3) if false else 'x' }} {{ range(3) | join }} {{ [1, 2, 3][-1] }} {{
 [1,2,3][:2] | join('-') }} {{ 'h\u00e9llo'[1:3] }} {{ ('a', 'b') | last }} {{
 {'k': 'v'}['k'] }} {{ {'k': 'v'}.get('x', 'y') }} {{ missing is defined }} {{
 missing }} {{ missing | default('d') }} {{ '' | default('e', true) }} {{ 'x' not in
 'abc' }} {{ not false and true or false }} {{ "it's" 'so' }} {{ 'a-b-c'.split('-',
 1) | join('/') }} {{ 'aXbX'.replace('X', 'yy') }} {{ ' \u00a0z\u3000' | trim }} {{
 'one two' | title }} {{ 'ABC' | lower | capitalize }} {{ 5 | string + '5' }}""",
    "flow": """{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i
 == 5 %}{% break %}{% endif %}{% set x = i %}{{ x }}{% endfor %}{{ x is defined }}{%
 for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{{ loop.revindex }}{% endfor
 %}{% set o = 1 %}{% if true %}{% set o = 2 %}{% endif %}{{ o }}{% for i in [1]
 %}{% set o = 3 %}{% endfor %}{{ o }}{% if tools %}{{ tools | unknown }}{% endif
 %}{{ loop is defined }}""" .replace("{{ tools | unknown }}", "{{ tools.x() }}"),
    "edges": "  {% if true %}\n  a\n  {%- if true -%}  b  {%- endif +%}\n c {{ 'd' "
             "-}} \n e {%+ if true %}\n f\n{% endif %}\n\n{#- g -#}  h\n{% endif %}\n",
    "corners": """{{ {'a': {'b': 1}}['a']['b'] }} {{ 'a\\tb\\rc' }} {% for a, b, c in
 [[1, 2, 3]] %}{{ a }}{{ b }}{{ c }}{% endfor %} {{ not not 'x' }} {{ -1 | string
 }} {{ [1, 2, 3][5::-1] | join }} {{ [1, 2, 3][-1:-9:-2] | join }} {{ -6 // 2 }} {{
 -6 % 3 }} {{ 'a' < 'ab' }} {{ 'ab' > 'a' }} {{ '' | default('e') }}. {{ -3 is odd
 }} {{ range(3, 0, -1) | join }} {{ '\u200az\u200a' | trim }} {{ 'ABC' | lower }}
 {% set x = 1 %}{% set x = missing %}{{ x is defined }} {{ 3 <= 3 and 4 >= 5 or 2
 != 2 }}\r\nend
  {%+ if true %}kept{% endif %}
last
""",
}


def write_cases():
    env = environment()
    cases = []
    for name, template in OWN.items():
        for i, messages in enumerate(CONVERSATIONS):
            given = variables(messages, i != 1)
            cases.append({"name": f"{name} {i}", "template": template,
                          "variables": given,
                          "text": filled(env, template, given)})
    json.dump(cases, sys.stdout, indent=1, ensure_ascii=False)
    print()


# ---- public templates ----

def templates_of(wheel):
    with zipfile.ZipFile(wheel) as files:
        for name in sorted(files.namelist()):
            if name.endswith(".jinja"):
                yield name, files.read(name).decode()
            if name != "unsloth/chat_templates.py":
                continue
            for node in ast.parse(files.read(name)).body:
                if isinstance(node, ast.Assign) and \
                        isinstance(node.value, ast.Constant) and \
                        isinstance(node.value.value, str) and \
                        "messages" in node.value.value:
                    yield f"{name}:{node.targets[0].id}", node.value.value


def compare(program, wheels):
    env = environment()
    cases = []
    for wheel in wheels:
        for name, template in templates_of(wheel):
            for messages in CONVERSATIONS:
                for begin in (True, False):
                    cases.append({"name": name, "template": template,
                                  "variables": variables(messages, begin)})
    made = json.loads(subprocess.run([program], input=json.dumps(cases).encode(),
                                     stdout=subprocess.PIPE, check=True).stdout)
    rows = {}
    for case, ours in zip(cases, made):
        row = rows.setdefault(case["name"], {
            "sha": hashlib.sha256(case["template"].encode()).hexdigest()[:16],
            "same": 0, "refused": 0, "other": 0, "why": ""})
        theirs = filled(env, case["template"], case["variables"])
        if ours.get("text") is not None or theirs is None:
            row["same" if ours.get("text") == theirs else "other"] += 1
        else:
            row["refused"] += 1
            row["why"] = ours["error"].split(": ", 1)[1]
    print("template,sha256,same,refused,other,why")
    for name, row in rows.items():
        print(name, row["sha"], row["same"], row["refused"], row["other"],
              f'"{row["why"]}"', sep=",")


if len(sys.argv) > 1:
    compare(sys.argv[1], sys.argv[2:])
else:
    write_cases()
