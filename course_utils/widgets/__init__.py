"""What a reader touches in JupyterLab: sliders, a drawing pad, buttons. Each shows a still picture where none runs."""
