#!/usr/bin/python3
"""The broker behind a real nginx with deploy/nginx/stream.conf, which writes PROXY headers of version 1. Only its idle
timeout is shorter here, and its port is one that this test holds for it.

    balancer_nginx_test.py FOLDER     the folder of the programs; PYTHONPATH: as tests/deploy/CMakeLists.txt says
"""
import os
import pathlib
import unittest

import balancers
import programs

SHIPPED = pathlib.Path(__file__).parents[2] / "deploy/nginx/stream.conf"
BEFORE = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
"""


class Nginx(balancers.BehindABalancer, unittest.TestCase):
    program = "/usr/sbin/nginx"
    inherits = False

    def start_balancer(self, broker, listener, folder):
        configuration = SHIPPED.read_text(encoding="utf-8")
        for old, new in (("listen ${ONEHOP_NGINX_LISTEN}", "listen 127.0.0.1:{} reuseport".format(listener.getsockname()[1])),
                         ("server ${ONEHOP_BACKEND}", f"server 127.0.0.1:{broker.proxy_port}"),
                         ("proxy_timeout 11m", f"proxy_timeout {balancers.IDLE_SECONDS}s")):
            self.assertEqual(1, configuration.count(old), old)
            configuration = configuration.replace(old, new)
        path = os.path.join(folder, "nginx.conf")
        pathlib.Path(path).write_text(BEFORE.format(folder=folder) + configuration, encoding="utf-8")
        return programs.start([self.program, "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", path])


if __name__ == "__main__":
    balancers.main(Nginx)
