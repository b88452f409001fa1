const warned = new Set<string>()

/** Tells the developer of a mistake of his own, on the console of his server, once in a process: who asks may ask again and again. */
export function warnOnce(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  process.emitWarning(message, 'RtmpWarning')
}
