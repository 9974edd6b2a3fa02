"""What is published, as package managers make it: the sdist, the wheel that is made from it, npm's tarball."""

import subprocess
import tarfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    (packed,) = SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(packed) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.11.4
        archive.extractall(folder)
    (unpacked,) = folder.glob("gatepass-*/")
    return unpacked


@pytest.fixture(scope="session")
def wheel(sdist: Path) -> Path:
    """As `python -m build` makes it: from the source distribution."""
    (packed,) = WheelBuilder(str(sdist)).build(directory=str(sdist.parent), versions=["standard"])
    return Path(packed)


@pytest.fixture(scope="session")
def npm_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm install gatepass` puts into node_modules: the tarball, unpacked."""
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    subprocess.run(command, cwd=ROOT / "web" / "client", check=True, capture_output=True)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    return folder / "package"
