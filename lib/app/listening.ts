import type { AddressInfo, Server } from 'node:net'

/** Listens, or says what to do about a port that is taken; gives the address as a URL has it, `host:port`. */
export async function listening(server: Server, host: string, port: number): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} of ${host} is taken; name another, or 0 for any that is free`)
  }
  const { address, family, port: bound } = server.address() as AddressInfo
  return `${family === 'IPv6' ? `[${address}]` : address}:${bound}`
}
