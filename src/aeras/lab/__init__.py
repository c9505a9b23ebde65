"""Training, evaluation, simulation, rendering and benchmarks."""
