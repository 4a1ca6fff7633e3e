"""What is known of torch by name: what gives a host value, what waits, what uploads."""


def words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


HOST_METHODS = words(
    "size stride dim numel nelement element_size storage_offset is_contiguous data_ptr get_device is_floating_point "
    "is_complex ndimension is_pinned is_shared is_set_to untyped_storage storage is_signed is_inference dense_dim "
    "sparse_dim has_names register_hook backward __len__ is_same_size"
)
HOST_ATTRIBUTES = words(
    "shape dtype ndim requires_grad layout itemsize nbytes is_leaf is_sparse grad_fn names is_meta is_quantized _version"
)
TENSOR_ATTRIBUTES = words("T mT H mH grad data real imag values indices")
BOOL_RESULTS = words(
    "eq ne lt le gt ge less less_equal greater greater_equal not_equal isnan isinf isfinite isposinf isneginf isin isclose "
    "logical_and logical_or logical_not logical_xor any all bool signbit isreal"
)
NOT_BOOL = words(
    "float half bfloat16 double int long short sum cumsum argmax argmin argsort add mul div sub matmul exp softmax"
)
KEEPS_BOOL = words(
    "view reshape squeeze unsqueeze expand expand_as flatten transpose permute contiguous clone detach repeat to cuda cpu "
    "t flip roll cat stack index_select gather select narrow masked_fill logical_and logical_or"
)
FACTORIES = words(
    "zeros ones empty full arange rand randn randint randperm eye linspace logspace tensor as_tensor asarray scalar_tensor "
    "empty_strided tril_indices triu_indices hann_window hamming_window"
)
"""They make a tensor where `device` says, on the host where it says nothing."""

LIKE = words("zeros_like ones_like empty_like full_like rand_like randn_like randint_like")
NEW = words("new_zeros new_ones new_empty new_full new_tensor")
SIZED = words("zeros ones empty full arange rand randn randint randperm linspace eye")

WAITING_METHODS: dict[str, str] = {
    "nonzero": "the size of the result is read by the host",
    "argwhere": "the size of the result is read by the host",
    "masked_select": "the size of the result is read by the host",
    "unique": "the size of the result is read by the host",
    "unique_consecutive": "the size of the result is read by the host",
    "bincount": "the size of the result is read by the host",
    "to_sparse": "the size of the result is read by the host",
}
"""Operators, as methods and as functions of torch, whose results are as large as the data says."""

READING_METHODS = words("equal allclose is_nonzero")
"""Operators that answer with a bool of the host."""

WAITING_FUNCTIONS = words(
    "torch.linalg.inv torch.linalg.solve torch.linalg.cholesky torch.linalg.eig torch.linalg.eigh torch.linalg.eigvals "
    "torch.linalg.eigvalsh torch.linalg.svd torch.linalg.svdvals torch.linalg.qr torch.linalg.lstsq torch.linalg.pinv "
    "torch.linalg.matrix_rank torch.linalg.det torch.linalg.slogdet torch.inverse torch.cholesky torch.svd torch.lstsq "
    "torch.linalg.lu_factor torch.cholesky_solve torch.pinverse torch.combinations torch.histogramdd"
)
NOT_TENSORS = words(
    "device dtype Size is_tensor is_storage iinfo finfo get_default_dtype set_default_dtype set_default_device no_grad "
    "enable_grad inference_mode set_grad_enabled is_grad_enabled Generator manual_seed seed initial_seed get_num_threads "
    "set_num_threads save load compile autocast is_autocast_enabled promote_types can_cast result_type numel is_floating_point "
    "is_complex get_device_module is_inference_mode_enabled are_deterministic_algorithms_enabled broadcast_shapes typename "
    "use_deterministic_algorithms get_rng_state set_rng_state is_autocast_cpu_enabled get_autocast_dtype get_autocast_gpu_dtype "
    "set_float32_matmul_precision get_float32_matmul_precision is_warn_always_enabled memory_format Tag Stream Event"
)
"""Functions and classes of the top level of torch that give no tensor."""

SYNCS = words(
    "torch.cuda.synchronize torch.accelerator.synchronize torch.xpu.synchronize torch.mps.synchronize torch.sim.synchronize "
    "cupy.cuda.runtime.deviceSynchronize cupy.cuda.runtime.streamSynchronize numba.cuda.synchronize "
    "torch.distributed.barrier torch.distributed.monitored_barrier"
)
OBJECT_COLLECTIVES = words(
    "broadcast_object_list all_gather_object gather_object scatter_object_list send_object_list recv_object_list"
)
STREAM_CLASSES = words(
    "torch.cuda.Stream torch.cuda.ExternalStream torch.Stream torch.cuda.streams.Stream cupy.cuda.Stream "
    "cupy.cuda.ExternalStream"
)
EVENT_CLASSES = words("torch.cuda.Event torch.Event torch.cuda.streams.Event cupy.cuda.Event")
SEEDS = words(
    "torch.manual_seed torch.cuda.manual_seed torch.cuda.manual_seed_all torch.cuda.set_rng_state torch.cuda.get_rng_state "
    "torch.cuda.seed torch.cuda.seed_all torch.seed torch.set_rng_state"
)
READS_NUMBER = words("float int bool complex round hex index")
RUNS_AT_ONCE = words(
    "map filter sorted min max reduce tree_map tree_map_only checkpoint call_once run apply "
    "vmap tree_map_ call_function"
)
"""Functions of libraries that call what they are handed before they return."""

TENSOR_EVIDENCE = words(
    "device is_cuda is_cpu unsqueeze squeeze contiguous detach masked_fill masked_fill_ expand permute view requires_grad numel "
    "dim float half bfloat16 cuda cpu new_zeros new_empty new_full new_tensor new_ones masked_select scatter_ index_select "
    "index_add_ index_copy_ gather topk softmax log_softmax zero_ fill_ copy_ add_ mul_ sub_ div_ clamp clamp_ data_ptr "
    "element_size bool long stride is_contiguous pin_memory nelement type_as unbind chunk expand_as record_stream argmax "
    "cumsum cumsum_ flatten transpose t matmul amax amin logsumexp nonzero is_pinned"
)
"""Attributes that give away that a name without a type is a tensor."""

MODULES_HAVE = words("device float half bfloat16 cuda cpu bool long type double to")
"""Those among them that modules, or devices of other kinds, have as well."""
TAKES_GROUPS = words(
    "stack cat concat from_numpy where cond isin einsum cartesian_prod block_diag broadcast_tensors meshgrid"
)
"""Functions of torch whose first argument is a group of tensors, a text or anything."""

REDUCES = words("any all sum max min mean argmax argmin prod std var norm abs item tolist")
ARRAY_MODULES = ("numpy", "scipy", "pandas", "jax", "tensorflow")
