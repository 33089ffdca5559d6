"""The training of any network: loop, checkpoints, optimiser, loader. What is trained is said by a `Task`."""
