"""One fit of one method, in a process of its own that holds arrays and no truth.

handouts  slides as a trial is handed them: small arrays, and the cached files of embeddings and patches
trial     what a trial is told, and what it leaves
conduct   the trial itself: build, fit, hand over, predict; the same in a child and in this process
repeating what a GPU does made to come out the same each time, and what cannot be
describe  a method's defaults, and whether it takes the settings it is to be given
frames    JSON and arrays over a socket, never pickle
plugins   a plugin's class from its folder
station   the fork server: a process with the libraries loaded, from which each child is forked
child     a child's life: read the request, seal itself, load the plugin, work, answer
launcher  the parent's side: start a child, hear it, end it, say how it ended
benches   where trials are conducted: sealed children, or this process for a debugger
"""
