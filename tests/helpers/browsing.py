"""A headless Chromium in which tests open pages, with mouse and keyboard."""

import shutil
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-quic",
    "--window-size=1320,980",
)  # fmt: skip
MOST_SECONDS = 20.0
# a Bokeh model by its name, and the view that draws it
FIND = """
const model = (name) => Bokeh.documents[0].get_model_by_name(name)
const view = (name) => Bokeh.index.find_one(model(name))
"""


class Browser:
    """One window of Chromium."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        for flag in FLAGS:
            options.add_argument(flag)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)

    def close(self):
        self.driver.quit()

    def open(self, path):
        """Open a page of the viewer; returns the seconds until all of it is drawn."""
        begin = time.perf_counter()
        self.driver.get(path.resolve().as_uri())
        self.wait("return !!window.particleflow && Bokeh.documents[0].is_idle")
        return time.perf_counter() - begin

    def run(self, script, *arguments):
        """The value of a script, in which ``model(name)`` and ``view(name)`` are known."""
        return self.driver.execute_script(FIND + script, *arguments)

    def wait(self, script):
        """Wait until a script returns true."""
        end = time.monotonic() + MOST_SECONDS
        while not self.driver.execute_script(script):
            assert time.monotonic() < end, f"not within {MOST_SECONDS} s: {script}"
            time.sleep(0.01)

    def settle(self):
        """Wait until everything is drawn, the text too, which follows a tenth of a second later."""
        time.sleep(0.15)
        self.wait("return Bokeh.documents[0].is_idle")

    def show(self, frame):
        self.run("model('slider').value = arguments[0]", frame)
        self.settle()

    def problems(self):
        """What the console has said, but for what Bokeh says of itself."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]

    def pixel(self, panel, x, y):
        """Where a point of a panel is in the window."""
        return self.run(
            """
            const { frame, el } = view(arguments[0]), box = el.getBoundingClientRect()
            return [box.left + frame.x_scale.compute(arguments[1]),
                    box.top + frame.y_scale.compute(arguments[2])]
            """,
            panel, float(x), float(y),
        )  # fmt: skip

    def move_to(self, panel, x, y, click=False):
        """Move the mouse to a point of a panel, as a hand does: from somewhere else."""
        px, py = map(round, self.pixel(panel, x, y))
        actions = ActionChains(self.driver, duration=30)
        actions.w3c_actions.pointer_action.move_to_location(px - 40, py + 40)
        actions.w3c_actions.pointer_action.move_to_location(px, py)
        if click:
            actions.w3c_actions.pointer_action.click()
        actions.perform()
        self.settle()

    def drag(self, begin, end, steps=20):
        """Drag with the mouse from a point of the window to another; places of the window."""
        pointer = (actions := ActionChains(self.driver, duration=20)).w3c_actions.pointer_action
        pointer.move_to_location(*begin)
        pointer.pointer_down()
        for k in range(1, steps + 1):
            pointer.move_to_location(*(round(a + (b - a) * k / steps)
                                       for a, b in zip(begin, end, strict=True)))  # fmt: skip
        pointer.pointer_up()
        actions.perform()
