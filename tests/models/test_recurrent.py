"""The written-out RNN, LSTM and GRU against torch's, against their own equations, and bad input."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

from llm_nb.models.recurrent import GRU, LSTM, RNN
from llm_nb.models.recurrent_cells import Weights, gru_gates, lstm_sequence, lstm_step

KINDS = {"rnn": (RNN, nn.RNN), "relu": (RNN, nn.RNN), "lstm": (LSTM, nn.LSTM), "gru": (GRU, nn.GRU)}
# batch, steps, input size, hidden size, layers
SHAPES = [(1, 1, 1, 1, 1), (2, 7, 3, 5, 1), (3, 11, 8, 4, 2), (5, 4, 2, 16, 3), (4, 30, 12, 24, 2)]


def pair(kind, input_size, hidden_size, num_layers=1, dropout=0.0, dtype=torch.float64):
    """Ours and torch's, with the same random weights, larger than torch would start from."""
    ours, theirs = KINDS[kind]
    more = {"nonlinearity": "relu"} if kind == "relu" else {}
    a = ours(input_size, hidden_size, num_layers, dropout=dropout, **more).to(dtype)
    b = theirs(input_size, hidden_size, num_layers, dropout=dropout, batch_first=True, **more).to(
        dtype
    )
    for weight in b.parameters():  # larger still, an RNN is chaotic and blows up rounding errors
        nn.init.normal_(weight, std=hidden_size**-0.5)
    a.load_state_dict(b.state_dict())
    return a, b


def state_like(kind, *shape, dtype=torch.float64):
    h = torch.randn(*shape, dtype=dtype, requires_grad=True)
    return (h, torch.randn(*shape, dtype=dtype, requires_grad=True)) if kind == "lstm" else h


def tensors(state):
    return list(state) if isinstance(state, tuple) else [state]


def results(model, x, state):
    """Outputs, states, and gradients of a loss that uses all of them, of all that has one."""
    outputs, final = model(x, state)
    generator = torch.Generator().manual_seed(3)
    everything = [outputs, *tensors(final)]
    loss = sum(
        (t * torch.randn(t.shape, generator=generator, dtype=t.dtype)).sum() for t in everything
    )
    inputs = [x, *(tensors(state) if state is not None else []), *model.parameters()]
    return everything + list(torch.autograd.grad(loss, inputs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_outputs_states_and_gradients_equal_torchs(kind, shape, given, dtype, bound):
    B, T, D, H, L = shape
    torch.manual_seed(sum(shape))
    ours, theirs = pair(kind, D, H, L, dtype=dtype)
    x = torch.randn(B, T, D, dtype=dtype, requires_grad=True)
    state = state_like(kind, L, B, H, dtype=dtype) if given else None
    for a, b in zip(results(ours, x, state), results(theirs, x, state), strict=True):
        assert a.shape == b.shape
        assert_close(a, b, atol=bound * max(1.0, float(b.detach().abs().max())), rtol=bound)


@pytest.mark.parametrize("kind", KINDS)
def test_random_configurations(kind):
    generator = torch.Generator().manual_seed(7)
    for seed in range(40):
        torch.manual_seed(seed)
        B, T, D, H, L = (int(torch.randint(1, 9, (1,), generator=generator)) for _ in range(5))
        ours, theirs = pair(kind, D, H, min(L, 3))
        x = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
        state = state_like(kind, min(L, 3), B, H)
        for a, b in zip(results(ours, x, state), results(theirs, x, state), strict=True):
            assert_close(a, b, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_load_both_ways_and_start_the_same(kind):
    ours, theirs = KINDS[kind]
    torch.manual_seed(1)
    a = ours(5, 7, 2)
    torch.manual_seed(1)
    b = theirs(5, 7, 2)
    for name, weight in b.state_dict().items():
        assert torch.equal(a.state_dict()[name], weight)
    assert [n for n, _ in a.named_parameters()] == [n for n, _ in b.named_parameters()]
    for weight in a.parameters():
        nn.init.normal_(weight)
    b.load_state_dict(a.state_dict(), strict=True)
    for name, weight in a.state_dict().items():
        assert torch.equal(b.state_dict()[name], weight)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_one_after_the_other_are_the_sequence(kind):
    torch.manual_seed(2)
    ours, _ = pair(kind, 4, 6, 2)
    x = torch.randn(3, 9, 4, dtype=torch.float64)
    state, outputs = None, []
    for t in range(9):
        y, state = ours.step(x[:, t], state)
        outputs.append(y)
    whole, final = ours(x)
    assert_close(torch.stack(outputs, 1), whole)
    for a, b in zip(tensors(state), tensors(final), strict=True):
        assert_close(a, b)
    first, middle = ours(x[:, :4])
    second, last = ours(x[:, 4:], middle)
    assert_close(torch.cat([first, second], 1), whole)
    assert_close(tensors(last)[-1], tensors(final)[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_padding_equals_packed_sequences(kind):
    torch.manual_seed(3)
    ours, theirs = pair(kind, 4, 6, 2)
    lengths = torch.tensor([3, 9, 1, 7])
    x = torch.randn(4, 9, 4, dtype=torch.float64, requires_grad=True)
    state = state_like(kind, 2, 4, 6)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, final = theirs(packed, state)
    expected, _ = pad_packed_sequence(expected, batch_first=True)
    outputs, ours_final = ours(x, state, lengths)
    assert_close(outputs, expected)
    for a, b in zip(tensors(ours_final), tensors(final), strict=True):
        assert_close(a, b)
    weigh = torch.randn_like(expected)
    gradients = []
    for model, out, last in ((ours, outputs, ours_final), (theirs, expected, final)):
        loss = (out * weigh).sum() + sum(t.pow(2).sum() for t in tensors(last))
        gradients.append(torch.autograd.grad(loss, [x, *tensors(state), *model.parameters()]))
    for a, b in zip(*gradients, strict=True):
        assert_close(a, b)


def test_the_backward_pass_by_hand_against_numerical_differences_and_autograd():
    torch.manual_seed(4)
    T, B, D, H = 4, 2, 3, 2
    shapes = [(T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,), (4 * H,)]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def fast(x, h, c, *weights):
        return lstm_sequence(x, h, c, Weights(*weights))

    def plain(x, h, c, *weights):
        states = []
        for x_t in x:
            h, c = lstm_step(x_t, h, c, Weights(*weights))
            states.append((h, c))
        return tuple(torch.stack(s) for s in zip(*states, strict=True))

    assert torch.autograd.gradcheck(fast, inputs)
    for used in ([0], [1], [0, 1]):  # a loss of h alone, of c alone, of both
        both = []
        for function in (fast, plain):
            out = function(*inputs)
            both.append(torch.autograd.grad(sum(out[k].pow(3).sum() for k in used), inputs))
        for a, b in zip(*both, strict=True):
            assert_close(a, b)


def test_dropout_is_between_layers_and_in_training_only():
    torch.manual_seed(5)
    ours, theirs = pair("lstm", 4, 50, 2, dropout=0.5)
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    assert_close(ours.eval()(x)[0], theirs.eval()(x)[0])
    ours.train()
    first, (h, _) = ours(x)
    assert not torch.equal(first, ours(x)[0])
    assert_close(h[0], ours.eval()(x)[1][0][0])  # the lower layer itself sees no dropout
    single = LSTM(4, 5, 1, dropout=0.5).double().train()
    assert torch.equal(single(x)[0], single(x)[0])  # with one layer there is no between


def test_gates_are_those_that_were_used():
    torch.manual_seed(6)
    ours, _ = pair("lstm", 4, 5, 2)
    x = torch.randn(3, 6, 4, dtype=torch.float64)
    state = state_like("lstm", 2, 3, 5)
    gates = ours.gates(x, state)
    assert set(gates) == set("ifgohc")
    assert all(value.shape == (2, 3, 6, 5) for value in gates.values())
    before = torch.cat([state[1][:, :, None], gates["c"][:, :, :-1]], 2)
    assert_close(gates["c"], gates["f"] * before + gates["i"] * gates["g"])
    assert_close(gates["h"], gates["o"] * gates["c"].tanh())
    assert_close(gates["h"][1], ours(x, state)[0])

    gru, _ = pair("gru", 4, 5, 2)
    gates, h = gru.gates(x, state[0]), state[0]
    assert_close(gates["h"][1], gru(x, h)[0])
    before = torch.cat([h[:, :, None], gates["h"][:, :, :-1]], 2)
    assert_close(gates["h"], (1 - gates["z"]) * gates["n"] + gates["z"] * before)


def test_chos_reset_gate_differs_from_torchs():
    """Cho et al. scale the state before the product: another function, unless r is constant."""
    torch.manual_seed(7)
    H = 4
    w = Weights(*(torch.randn(s, dtype=torch.float64) for s in [(12, 3), (12, H), (12,), (12,)]))
    x, h = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, H, dtype=torch.float64)
    r, _, n = gru_gates(x, h, w)
    from_x = x @ w.w_ih[2 * H :].T + w.b_ih[2 * H :]
    theirs = (from_x + r * (h @ w.w_hh[2 * H :].T + w.b_hh[2 * H :])).tanh()
    chos = (from_x + (r * h) @ w.w_hh[2 * H :].T + w.b_hh[2 * H :]).tanh()
    assert_close(n, theirs)
    assert (n - chos).abs().max() > 0.01


def test_an_lstm_remembers_what_its_open_forget_gate_keeps():
    """Input gate shut, forget gate open: the cell is carried unchanged over 200 steps."""
    model = LSTM(1, 1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.bias_ih_l0.copy_(torch.tensor([-40.0, 40.0, 0.0, 0.0]))
    c = torch.full((1, 1, 1), 0.7, requires_grad=True)
    _, (_, last) = model(torch.randn(1, 200, 1), (torch.zeros(1, 1, 1), c))
    assert last.item() == pytest.approx(0.7)
    last.backward()
    assert c.grad.item() == pytest.approx(1.0)  # the constant error carousel


def test_the_backward_pass_keeps_out_of_autocasts_way():
    torch.manual_seed(8)
    ours, _ = pair("lstm", 4, 6, 2, dtype=torch.float32)
    x = torch.randn(2, 5, 4, requires_grad=True)
    expected, _ = ours(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = ours(x)
        halved, _ = ours(x.bfloat16())
    assert_close(outputs, expected)
    assert_close(halved, expected, atol=0.1, rtol=0.1)
    halved.sum().backward()


def test_outputs_changed_in_place_are_not_mistaken_for_the_states():
    ours, _ = pair("lstm", 3, 4)
    outputs, _ = ours(torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True))
    with torch.no_grad():
        outputs.mul_(2)
    with pytest.raises(RuntimeError, match="modified inplace"):
        outputs.sum().backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LSTM(0, 3), "input_size is 0"),
        (lambda: GRU(3, 0), "hidden_size is 0"),
        (lambda: RNN(3, 3, 0), "num_layers is 0"),
        (lambda: LSTM(3, 3, 2, dropout=1.0), "dropout is 1.0"),
        (lambda: RNN(3, 3, nonlinearity="sigmoid"), "nonlinearity is 'sigmoid'"),
        (
            lambda: LSTM(3, 4)(torch.zeros(2, 5, 4)),
            r"shape \(2, 5, 4\), needed \(batch, steps, 3\)",
        ),
        (lambda: LSTM(3, 4)(torch.zeros(5, 3)), r"shape \(5, 3\)"),
        (lambda: GRU(3, 4)(torch.zeros(0, 5, 3)), "none empty"),
        (lambda: RNN(3, 4)(torch.zeros(2, 0, 3)), "none empty"),
        (
            lambda: GRU(3, 4)(torch.zeros(2, 5, 3), torch.zeros(1, 3, 4)),
            r"state has shape \(1, 3, 4\), needed \(1, 2, 4\)",
        ),
        (
            lambda: GRU(3, 4)(torch.zeros(2, 5, 3), lengths=torch.tensor([5, 6])),
            r"lengths are \[5, 6\]: give one for each of the 2 rows, from 1 to 5",
        ),
        (lambda: LSTM(3, 4)(torch.zeros(2, 5, 3), lengths=torch.tensor([0, 5])), "lengths are"),
        (lambda: RNN(3, 4)(torch.zeros(2, 5, 3), lengths=torch.tensor([5])), "lengths are"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
