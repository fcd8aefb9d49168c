"""ONNX files for tests: a small network node by node, and what a hostile one could hold."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

FLOAT = TensorProto.FLOAT


def model(
    nodes=None,
    initializers=(),
    *,
    shape=("n", 3, "h", "w"),
    kind=FLOAT,
    outputs=(("features", FLOAT), ("logits", FLOAT)),
    more_inputs=(),
    domains=(),
):
    """Means over 5×5 blocks as features (27 at 16 px), and the first ten as logits."""
    if nodes is None:
        nodes, initializers = pooling()
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, shape), *more_inputs],
        [helper.make_tensor_value_info(name, dtype, None) for name, dtype in outputs],
        list(initializers),
    )
    opsets = [helper.make_opsetid("", 20), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def pooling():
    def constant(name, value):
        return numpy_helper.from_array(np.array(value, np.int64), name)

    nodes = [
        helper.make_node("AveragePool", ["x"], ["means"], kernel_shape=[5, 5], strides=[5, 5]),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("Slice", ["features", "zero", "ten", "one"], ["logits"]),
    ]
    return nodes, [constant("zero", [0]), constant("ten", [10]), constant("one", [1])]


def write(path, made=None):
    """Save a model, `model()` if none is given, and give its path back."""
    save(made or model(), path)
    return path


def with_outside_weights(place):
    """A model whose weights lie in the file at `place`, wherever that is."""
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[8, 3, 3, 3])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", str(place)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("ReduceMean", ["c"], ["features"], keepdims=0),
    ]
    return model(nodes, [tensor], outputs=[("features", FLOAT)])


def with_outside_weights_in_a_branch(place):
    """The same, as a constant in the branch of an If."""
    inner = with_outside_weights(place).graph.initializer[0]
    branches = [
        helper.make_graph(
            [helper.make_node("Constant", [], ["k"], value=inner)],
            "branch",
            [],
            [helper.make_tensor_value_info("k", FLOAT, None)],
        )
        for _ in range(2)
    ]
    yes = numpy_helper.from_array(np.array(True), "yes")
    nodes, initializers = pooling()
    nodes.append(
        helper.make_node("If", ["yes"], ["k"], then_branch=branches[0], else_branch=branches[1])
    )
    return model(nodes, [*initializers, yes])


def with_foreign_operator():
    nodes = [helper.make_node("Shell", ["x"], ["features"], domain="acme")]
    return model(nodes, outputs=[("features", FLOAT)], domains=["acme"])
