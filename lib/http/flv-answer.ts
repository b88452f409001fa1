/** Where the bytes of an FLV file are written: a response, or a WebSocket. */
export interface FlvSink {
  /** False if it is full: `'drain'` follows. */
  write(bytes: Buffer): boolean
  /** The file is complete. */
  end(): void
  /** Disconnects the viewer. */
  destroy(): void
  on(event: 'drain' | 'close', listener: () => void): void
}

/** How a request to play is answered. */
export interface FlvAnswer {
  readonly sink: FlvSink
  /** Sends the acceptance, and calls `open` if media may follow; else the connection closes. */
  accept(open: () => void): void
  /** Refuses with a status of HTTP. */
  refuse(status: number, text: string): void
}
