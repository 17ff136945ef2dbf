"""What cannot be read from the registry: names with nothing to differentiate.

Functions that take no real numbers, or give none: integers, bits, dates, text, files, types,
settings. Their results are constants of the program.
"""

WITHOUT_DERIVATIVE = {
    "numpy": """
        memmap recarray base_repr bartlett binary_repr blackman busday_count busday_offset byte bool
        busdaycalendar datetime_as_string datetime_data diag_indices diag_indices_from
        dtype einsum_path empty errstate eye finfo flatiter format_float_positional
        format_float_scientific from_dlpack fromfile fromregex fromstring genfromtxt
        get_include get_printoptions getbufsize geterr geterrcall hamming hanning identity iinfo
        indices info is_busday isdtype isfortran issubdtype iterable kaiser load loadtxt
        mask_indices mintypecode ndindex nested_iters packbits printoptions promote_types
        ravel_multi_index save savetxt savez savez_compressed set_printoptions setbufsize seterr
        seterrcall show_config show_runtime test tri tril_indices tril_indices_from triu_indices
        triu_indices_from typename unpackbits unravel_index ufunc zeros ones isnat ix_
    """,
    "numpy.linalg": "LinAlgError test",
    "numpy.polynomial.chebyshev": "chebgauss chebpts1 chebpts2",
    "numpy.polynomial.hermite": "hermgauss",
    "numpy.polynomial.hermite_e": "hermegauss",
    "numpy.polynomial.laguerre": "laggauss",
    "numpy.polynomial.legendre": "leggauss",
    "numpy.fft": "fftfreq rfftfreq test",
    "math": "comb factorial gcd isqrt lcm perm ulp",
    "scipy.special": """
        SpecialFunctionError SpecialFunctionWarning errstate geterr seterr test comb factorial
        factorial2 factorialk perm stirling2 bernoulli euler gammasgn round
        ai_zeros bei_zeros beip_zeros ber_zeros berp_zeros bi_zeros erf_zeros fresnel_zeros
        fresnelc_zeros fresnels_zeros jn_zeros jnjnp_zeros jnp_zeros jnyn_zeros kei_zeros
        keip_zeros kelvin_zeros ker_zeros kerp_zeros y0_zeros y1_zeros y1p_zeros yn_zeros ynp_zeros
        p_roots t_roots u_roots c_roots s_roots h_roots he_roots l_roots ps_roots ts_roots us_roots
        roots_chebyc roots_chebys roots_chebyt roots_chebyu roots_hermite roots_hermitenorm
        roots_laguerre roots_legendre roots_sh_chebyt roots_sh_chebyu roots_sh_legendre chebyc
        chebys chebyt chebyu hermite hermitenorm laguerre legendre sh_chebyt sh_chebyu sh_legendre
    """,
    "ndarray": """
        argmax argmin argsort all any base ctypes device dtype dump dumps flags itemsize nbytes ndim
        nonzero round searchsorted setflags shape size strides tobytes tofile argpartition choose
    """,
}
