"""Shutting a process in: from then on it reads what it is given, writes in one folder and reaches nothing else.

landlock     which files may be opened (Linux from 5.13 on, no privilege needed)
namespaces   shared memory, message queues and network of its own, and nothing but the workplace to write to
calls        system calls that reach beyond the process, refused
seal         all of it together, and what this machine can do

A process seals itself, before any thread of it starts and before it loads code that is not trusted. There is no way
back, for its children neither.
"""
