"""The client, against a server on a real socket."""

import json
import os
import socketserver
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler

import client

REPLY = {"choices": [{"message": {"role": "assistant", "content": "hello"}}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.headers["Authorization"], body))
        data = json.dumps(REPLY).encode()
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class ClientTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "sock")
        self.server = Server(self.path, Handler)
        self.server.seen, self.server.statuses = [], []
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.model = client.Client(self.path, "secret")
        self.addCleanup(lambda: self.model.connection and self.model.connection.close())

    def test_it_asks_and_shows_its_token(self):
        message = self.model.chat([{"role": "user", "content": "hi"}], [])
        self.assertEqual(message["content"], "hello")
        self.assertEqual(self.server.seen[0][0], "Bearer secret")
        self.assertEqual(self.server.seen[0][1]["messages"][0]["content"], "hi")

    def test_it_gives_up_when_the_request_is_refused(self):
        self.server.statuses = [400]
        with self.assertRaises(RuntimeError):
            self.model.chat([], [])
