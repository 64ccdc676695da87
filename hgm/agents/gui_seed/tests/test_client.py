"""The client, against a server on a real socket."""

import json
import os
import socketserver
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler

import client

ANSWERS = {
    "/v1/chat/completions": {"choices": [{"message": {"role": "assistant", "content": "hello"}}]},
    "/env/observe": {"goal": "Press it.", "text": "", "error": "", "done": False},
    "/env/step": {"goal": "Press it.", "text": "", "error": "", "done": True},
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers["Authorization"], body))
        data = json.dumps(ANSWERS[self.path]).encode()
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
        self.host = client.Client(self.path, "secret")
        self.addCleanup(lambda: self.host.connection and self.host.connection.close())

    def test_it_asks_the_model_and_shows_its_token(self):
        message = self.host.chat([{"role": "user", "content": "hi"}], [])
        self.assertEqual(message["content"], "hello")
        self.assertEqual(self.server.seen[0][1], "Bearer secret")
        self.assertEqual(self.server.seen[0][2]["messages"][0]["content"], "hi")

    def test_it_sees_and_changes_the_page(self):
        self.assertEqual(self.host.observe()["goal"], "Press it.")
        self.assertTrue(self.host.step({"name": "click", "bid": "e4"})["done"])
        self.assertEqual([path for path, _, _ in self.server.seen], ["/env/observe", "/env/step"])
        self.assertEqual(self.server.seen[1][2], {"action": {"name": "click", "bid": "e4"}})

    def test_it_gives_up_when_a_request_is_refused(self):
        self.server.statuses = [400, 409]
        with self.assertRaises(RuntimeError):
            self.host.chat([], [])
        with self.assertRaises(RuntimeError):
            self.host.step({"name": "noop"})
        self.assertEqual(len(self.server.seen), 2)
