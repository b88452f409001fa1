import type { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void

/** Codes of a socket whose peer receives nothing more. What the peer sent before may still be unread. */
const GONE: readonly (string | undefined)[] = ['EPIPE', 'ECONNRESET']

/** Whether an error means only that the peer has gone. */
export const isGone = (error: NodeJS.ErrnoException | null | undefined): boolean => GONE.includes(error?.code)

/**
 * Makes a socket readable to its end after its peer has gone. Node destroys a socket when a write fails, and discards the bytes that are
 * buffered in it and in the kernel: FFmpeg -listen closes right after its last frame, and our answer to an earlier message fails. So a
 * write that fails with EPIPE or ECONNRESET succeeds instead, as do all later ones, and a read that fails ends the socket after the
 * buffered bytes. Other errors, and a socket with no buffered bytes, are not affected.
 */
export function readOut(socket: Duplex): void {
  const { _write, _writev, destroy } = socket
  let isOver = false
  // a stream has one _write at a time
  let done: Done
  const told: Done = error => {
    isOver ||= isGone(error)
    done(isOver ? null : error)
  }
  const begins = (whenDone: Done) => {
    // the default _write calls _writev
    if (whenDone !== told) done = whenDone
    if (isOver) done()
    return !isOver
  }
  socket._write = (chunk, encoding, whenDone) => {
    if (begins(whenDone)) _write.call(socket, chunk, encoding, told)
  }
  if (_writev) {
    socket._writev = (chunks, whenDone) => {
      if (begins(whenDone)) _writev.call(socket, chunks, told)
    }
  }
  socket.destroy = error => {
    const failed: NodeJS.ErrnoException | null | undefined = error
    if (!isGone(failed) || failed?.syscall !== 'read' || socket.readableLength === 0 || socket.destroyed)
      return destroy.call(socket, error)
    socket.push(null)
    return socket
  }
}
