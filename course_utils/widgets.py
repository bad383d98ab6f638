"""Interactive parts of the notebooks. Each leaves something readable where widgets cannot run."""

import ipywidgets
from IPython.display import display

from course_utils import CourseError, data


def download_button(name="mnist"):
    """A button that downloads a data set, and says how it went. Nothing is fetched until it is pressed."""
    title = data.TITLES[name]
    button = ipywidgets.Button(description=f"Download {title}", layout={"width": "auto"})
    message = ipywidgets.HTML(
        f"{title} is already on disk."
        if data.is_on_disk(name)
        else f"It will take {data.DOWNLOAD_MB[name]} MB of your disk."
    )

    def press(_):
        button.disabled = True
        message.value = "Downloading, please wait a minute ..."
        try:
            data.download(name)
            message.value = f"{title} is complete. Choose Kernel > Restart Kernel and Run All Cells to use it."
        except CourseError as error:
            message.value = str(error)
        button.disabled = False

    button.on_click(press)
    bundle = ipywidgets.HBox([button, message])._repr_mimebundle_()
    # What GitHub, the HTML page and the tests see in place of the button.
    bundle["text/plain"] = f"A button to download {title}: run this cell in JupyterLab to get it."
    display(bundle, raw=True)
