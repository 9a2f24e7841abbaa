"""The processes that share the neurons of a run: one alone, or the ranks of an MPI job."""
