"""Long work in processes of its own: the queue, the process, the worker, engines that fetch and decode."""
