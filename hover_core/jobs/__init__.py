"""Long work in separate processes: the queue, the process, the worker, engines that fetch and decode."""
