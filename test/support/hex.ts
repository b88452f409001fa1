/** Bytes as a transcript writes them: hex digits, with blanks and line breaks wherever they help the eye. */
export const hex = (text: TemplateStringsArray, ...parts: (string | Buffer)[]): Buffer =>
  Buffer.from(
    String.raw(
      { raw: text.raw },
      ...parts.map(part => (typeof part === 'string' ? part : part.toString('hex')))
    ).replace(/\s/g, ''),
    'hex'
  )
