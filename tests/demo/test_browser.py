"""A real browser uses the demo: generates, reconstructs an upload, edits; and asks no one else."""

from urllib.parse import urlsplit

import pytest
from PIL import Image

from demo.browser import asked_for, browser
from demo.served import served

pytest.importorskip("gradio", reason="the demo is drawn by gradio, the extra demo")
By = pytest.importorskip("selenium.webdriver.common.by", reason="it drives the browser").By
wait = pytest.importorskip("selenium.webdriver.support.wait", reason="it drives the browser")
pytestmark = pytest.mark.slow

LIMIT = 180  # seconds that an answer may take on a busy machine
PREPARING = "link[rel=preconnect], link[rel=dns-prefetch], iframe"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with browser(profile) as driver, served("avatars-64") as demo:
        driver.set_page_load_timeout(LIMIT)
        driver.get(demo.address)
        until(driver, lambda: outputs(driver))
        yield driver
        urls = asked_for(driver)
        assert len(urls) > 20
        assert {urlsplit(url).hostname for url in urls} == {"127.0.0.1"}
        assert not driver.find_elements(By.CSS_SELECTOR, PREPARING)
        severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert severe == []


def until(driver, found):
    return wait.WebDriverWait(driver, LIMIT, 0.2).until(lambda _: found())


def seen(driver, selector):
    return [e for e in driver.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()]


def outputs(driver):
    """Addresses of the pictures that are seen; what a function makes has a new one."""
    return [image.get_attribute("src") for image in seen(driver, ".picture img")]


def open_tab(driver, name):
    (tab,) = [tab for tab in seen(driver, "[role=tab]") if tab.text == name]
    tab.click()
    until(driver, lambda: tab.get_attribute("aria-selected") == "true" and outputs(driver))


def press(driver, label):
    (button,) = [
        button for button in seen(driver, "[role=tabpanel] button") if button.text == label
    ]
    button.click()


def type_into(driver, label, value):
    (box,) = seen(driver, f"input[type=number][aria-label*='{label}']")
    driver.execute_script("arguments[0].select()", box)
    box.send_keys(str(value))


def upload(driver, path):
    (panel,) = seen(driver, "[role=tabpanel]")
    panel.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(path))


def test_it_generates(page):
    open_tab(page, "Generate")
    before = outputs(page)
    (seed,) = seen(page, "input[type=number]")[:1]
    page.execute_script("arguments[0].select()", seed)
    seed.send_keys("7")
    press(page, "Generate")
    until(page, lambda: outputs(page) and outputs(page) != before)


def test_it_reconstructs_an_upload(page, tmp_path):
    Image.new("RGB", (80, 60), (240, 190, 150)).save(tmp_path / "mine.png")
    open_tab(page, "Reconstruct")
    before = outputs(page)
    upload(page, tmp_path / "mine.png")
    until(page, lambda: len(outputs(page)) == 2 and not set(outputs(page)) & set(before))


def test_it_edits_by_a_slider(page):
    open_tab(page, "Edit")
    until(page, lambda: len(outputs(page)) == 2)
    before = outputs(page)
    type_into(page, "Eyeglasses", 1)
    until(page, lambda: outputs(page)[0] != before[0])
    assert outputs(page)[1] == before[1]


def test_a_text_that_is_called_an_image_gets_a_message(page, tmp_path):
    (tmp_path / "text.png").write_text("I am text", "utf-8")
    open_tab(page, "Reconstruct")
    upload(page, tmp_path / "text.png")
    until(page, lambda: "cannot be read as an image" in page.find_element(By.TAG_NAME, "body").text)
