"""Files and folders on disk, whoever reads them: compression, text, links, layouts of folders."""
