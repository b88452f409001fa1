/** One line on standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Writes to standard error if it is a terminal. */
export const progressWriter = (): ((text: string) => void) | undefined =>
  process.stderr.isTTY ? text => process.stderr.write(text) : undefined

/** One line on standard error. */
export const advise = (text: string): void => {
  process.stderr.write(`rtmpipe: ${text}\n`)
}

/** Settles at the first Ctrl-C or SIGTERM; the next one exits at once. */
export function ending(): Promise<void> {
  return new Promise(resolve => {
    const names = ['SIGINT', 'SIGTERM'] as const
    const heard = () => {
      for (const name of names) process.off(name, heard)
      resolve()
    }
    for (const name of names) process.on(name, heard)
  })
}

/** Aborted at the first Ctrl-C or SIGTERM. */
export function endingSignal(): AbortSignal {
  const controller = new AbortController()
  void ending().then(() => controller.abort())
  return controller.signal
}
