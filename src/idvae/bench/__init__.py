"""The benchmarks behind `idvae bench`: every figure is a ratio against a rival in the same run."""
