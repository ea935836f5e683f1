import {createServer} from 'node:http';

export interface HttpServer {
  readonly port: number;
  /** Stops listening and ends every connection at once, as a process that dies does. */
  close(): Promise<void>;
}

/** Serves on one address; `answer` gives status and text for a path. Rejects when the port cannot be had. */
export function serveHttp(
  {host, port}: {host: string; port: number},
  answer: (path: string) => {status: number; text: string},
): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const {status, text} = answer(request.url ?? '/');
    response.writeHead(status, {'content-type': 'text/plain; charset=utf-8'}).end(text);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
