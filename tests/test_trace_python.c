/* test_trace_python.c - Record by isobath.record() who a model's modules keep,
 * of a stand-in that has PyTorch's hooks, and of PyTorch where it is. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/cli.h"

/* A module and a tensor with as much of PyTorch's as a recording touches; layers
 * 1 and 3 of the model return what `says` says. */
static const char stand_in[] =
    "class Tensor:\n"
    "    def __init__(self, rows):\n"
    "        self.rows, self.shape, at = rows, [], rows\n"
    "        while isinstance(at, list):\n"
    "            self.shape.append(len(at))\n"
    "            at = at[0] if at else 0\n"
    "    def detach(self): return self\n"
    "    def tolist(self): return self.rows\n"
    "    def flat(self):\n"
    "        out = [self.rows]\n"
    "        while isinstance(out[0], list): out = sum(out, [])\n"
    "        return out\n"
    "    def reshape(self, shape):\n"
    "        f, n = self.flat(), shape[1]\n"
    "        return Tensor([f[b * n:(b + 1) * n] for b in range(shape[0])])\n"
    "class Hook:\n"
    "    def __init__(self, of, f): self.of, self.f = of, f; of.append(f)\n"
    "    def remove(self): self.of.remove(self.f)\n"
    "class Module:\n"
    "    def __init__(self, **inner):\n"
    "        self.inner, self.after = inner, []\n"
    "    def named_modules(self, at=''):\n"
    "        yield at, self\n"
    "        for name, module in self.inner.items():\n"
    "            yield from module.named_modules(at + ('.' if at else '') + name)\n"
    "    def register_forward_hook(self, f): return Hook(self.after, f)\n"
    "    def __call__(self, *a, **k):\n"
    "        out = self.forward(*a, **k)\n"
    "        for f in list(self.after): f(self, a, out)\n"
    "        return out\n"
    "class Router(Module):\n"
    "    def forward(self, x): return self.says\n"
    "class Model(Module):\n"
    "    config = {'model_type': 'llama', 'hidden_size': 32}\n"
    "    def forward(self, x, attention_mask=None):\n"
    "        for name in self.calls: self.router(name)(x)\n"
    "    def router(self, n): return self.inner['layers'].inner[n].inner['router']\n"
    "def model(one, three):\n"
    "    m = Model(layers=Module(**{n: Module(router=Router()) for n in '0123'}))\n"
    "    m.calls = '13'\n"
    "    m.router('1').says, m.router('3').says = one, three\n"
    "    return m\n"
    "ids = Tensor([[5, 6, 7, 8], [9, 9, 9, 9]])\n"
    "both = {'layers.3.router': 'topk[1]', 'layers.1.router': 'mask'}\n"
    "mask = Tensor([[True, False, True, True], [False] * 4])\n"
    "topk = (None, Tensor([[3, 0], [2, 1]]))\n";

static void begin(void)
{
    char path[PROGRAM_SIZE];

    if (system("command -v python3 >/dev/null") != 0)
        cr_skip("no python3 here");
    set_up();
    put_file("stand_in.py", stand_in);
    snprintf(path, sizeof path, "%s/scripts", started_in);
    setenv("PYTHONPATH", path, 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
}

TestSuite(trace_python, .init = begin, .fini = leave_directory);

static int python(const char *text)
{
    put_file("script.py", text);
    return system("python3 script.py >stdout 2>stderr");
}

static void expect_recorded(const char *text)
{
    cr_expect(eq(int, python(text), 0), "%s", read_file("stderr", NULL));
}

Test(trace_python, every_pass_adds_its_sequences_with_layers_ascending)
{
    expect_recorded("import isobath\nfrom stand_in import *\n"
        "m = model(mask, topk)\n"
        "with isobath.record(m, both, 'out'):\n"
        "    m(ids)\n"
        "    m.router('1').says = Tensor([[[0.5], [0.6], [0.1], [0.9]]])\n"
        "    m.router('3').says = (None, Tensor([[2]]))\n"
        "    m.router('1').says = Tensor([[[1], [1], [0], [1]]])\n"
        "    m(Tensor([[1, 2, 3, 4]]))\n"
        "left = [r.after for r in (m, m.router('1'), m.router('3'))]\n"
        "assert not sum(left, []) and 'forward' not in vars(m), 'hooks are left'\n");
    cr_expect(eq(str, read_file("out/trace.csv", NULL),
                 "window,layer,part,tokens,kept\r\n"
                 "0,1,block,4,0 2-3\r\n0,3,block,4,0 3\r\n"
                 "1,1,block,4,\r\n1,3,block,4,1-2\r\n"
                 "2,1,block,4,0-1 3\r\n2,3,block,4,2\r\n"));
    cr_expect(eq(str, read_file("out/config.json", NULL),
                 "{\n  \"model_type\": \"llama\",\n  \"hidden_size\": 32\n}\n"));
}

/* The second sequence has two tokens; a part of its own is named; rows of all
 * sequences may stand one after another. */
Test(trace_python, gates_have_thresholds_and_padding_is_no_token)
{
    expect_recorded("import isobath\nfrom stand_in import *\n"
        "m = model(Tensor([[.5], [.6], [.1], [.9], [1.], [.5], [1.], [1.]]),\n"
        "          Tensor([[.5, .6, .1, .9], [1., .5, 1., 1.]]))\n"
        "with isobath.record(m, {'layers.1.router': ('gate>0.5', 2, 'attention'),\n"
        "                        'layers.3.router': ('gate<=0.5', 2, 'ffn')}, 'out',\n"
        "                    config={}):\n"
        "    m(ids, attention_mask=Tensor([[1, 1, 1, 1], [1, 1, 0, 0]]))\n");
    cr_expect(eq(str, read_file("out/trace.csv", NULL),
                 "window,layer,part,tokens,kept\r\n"
                 "0,2,attention,4,1 3\r\n0,2,ffn,4,0 2\r\n"
                 "1,2,attention,2,0\r\n1,2,ffn,2,1\r\n"));
}

/* What is wrong, and the words that say so. */
static const struct {
    const char *setting, *said;
} refused[] = {
    { "", "layers.3.router returns 2 values: say which one, as topk[0]" },
    { "both['layers.3.router'] = 'topk[1]'\n"
      "m.router('1').says = Tensor([[1, 0, 1], [0, 0, 0]])",
      "layers.1.router: mask gives [2, 3]; expected is bool [B, T] = [2, 4]" },
    { "both['layers.3.router'] = 'topk[1]'\n"
      "m.router('3').says = (0, Tensor([[1, 4], [0, 1]]))",
      "layers.3.router: topk gives position 4; expected are different ones of 0"
      " to 3" },
    { "both['layers.3.router'] = 'topk[1]'\n"
      "m.router('3').says = (0, Tensor([[1, 1], [0, 1]]))",
      "topk gives position 1; expected are different ones" },
    { "both['layers.3.router'] = 'topk[1]'\n"
      "m.router('1').says = Tensor([[1, 0, 7, 0], [0, 0, 0, 0]])",
      "layers.1.router: mask gives 7; expected is bool [B, T] = [2, 4]" },
    { "both['layers.3.router'] = 'topk[1]'; m.calls = '1'",
      "layers.3.router was not called in a pass" },
    { "both['layers.3.router'] = 'topk[1]'; m.calls = '113'",
      "layers.1.router was called twice in one pass" },
    { "both['layers.9.router'] = 'mask'",
      "layers.9.router: the model has no such module; it has layers.0.router" },
    { "both['layers.3.router'] = 'gate'",
      "layers.3.router: rule 'gate'; allowed are mask, topk, and gate" },
    { "both['layers.3.router'] = ('topk[1]', 1)",
      "layers.1.router is block of layer 1" },
    { "Model.config = None", "the model has no config: give config=" },
    { "both['layers.3.router'] = 'topk[1]'\n"
      "mask = Tensor([[0, 1, 1, 1], [1, 1, 1, 1]])",
      "expected is padding on the right" },
};

Test(trace_python, what_is_wrong_is_named_and_nothing_is_written)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[1024];
        snprintf(text, sizeof text, "import isobath\nfrom stand_in import *\n"
                 "m = model(mask, topk)\n"
                 "both['layers.3.router'] = 'topk'\nmask = None\n%s\n"
                 "with isobath.record(m, both, 'out'):\n"
                 "    m(ids, attention_mask=mask)\n", refused[i].setting);
        cr_expect(ne(int, python(text), 0), "%s", refused[i].setting);
        expect_said("stderr", refused[i].said);
        cr_expect(not(there("out")), "%s", refused[i].setting);
    }
}

Test(trace_python, a_small_model_of_pytorch_is_recorded)
{
    if (system("python3 -c 'import torch' 2>/dev/null") != 0)
        cr_skip("no PyTorch here");
    expect_recorded("import isobath, torch\nfrom torch import nn\n"
        "class Router(nn.Module):\n"
        "    def forward(self, x):\n"
        "        scores = x.sum(-1)\n"
        "        return scores, scores.topk(2, -1).indices, scores[..., None] > 0\n"
        "class Layer(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.router = Router()\n"
        "    def forward(self, x): return x + self.router(x)[0][..., None]\n"
        "class Model(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.embed = nn.Embedding(8, 3)\n"
        "        self.layers = nn.ModuleList([Layer() for _ in range(3)])\n"
        "    def forward(self, ids):\n"
        "        x = self.embed(ids)\n"
        "        for layer in self.layers: x = layer(x)\n"
        "        return x\n"
        "m = Model()\n"
        "with torch.no_grad():\n"
        "    m.embed.weight[:] = torch.tensor([-2., 4, 1, -3, 0, 0, 0, 0])[:, None]\n"
        "with isobath.record(m, {'layers.0.router': 'topk[1]',\n"
        "                        'layers.1.router': 'mask[2]',\n"
        "                        'layers.2.router': 'gate[0]>10'}, 'out', config={}):\n"
        "    m(torch.tensor([[0, 1, 2, 3]]))\n");
    cr_expect(eq(str, read_file("out/trace.csv", NULL),
                 "window,layer,part,tokens,kept\r\n0,0,block,4,1-2\r\n"
                 "0,1,block,4,1-2\r\n0,2,block,4,1-2\r\n"));
}
