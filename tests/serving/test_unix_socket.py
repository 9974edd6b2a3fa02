"""A Unix socket is made for a proxy of this machine, replaces what a dead server has left, and takes nothing else."""

import socket
import stat
from pathlib import Path

import pytest

from gatepass.errors import ConfigurationError
from gatepass.serving.unix_socket import unix_socket


def test_a_unix_socket_takes_connections_of_owner_and_group_and_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with unix_socket(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_what_a_dead_server_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with unix_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_that_another_process_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with unix_socket(path):
        with pytest.raises(ConfigurationError, match="another process listens there"), unix_socket(path):
            pass
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_file_is_never_removed_and_a_wrong_path_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    for wrong in (path, tmp_path / "none" / "gate.sock", tmp_path / ("x" * 200)):
        with pytest.raises(ConfigurationError, match="Cannot listen on"), unix_socket(wrong):
            pass
    assert path.read_text() == "mine"


def test_the_successor_s_socket_is_not_removed_by_its_predecessor(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with unix_socket(path):
        path.unlink()
        with unix_socket(path):
            other = path.stat().st_ino
            assert other
        path.touch()
    assert path.exists()
