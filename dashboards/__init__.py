"""Pages for people: frames become offline reports and HiPlot pages, with safe HTML and static charts."""
