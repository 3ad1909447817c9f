const letters = 'abcdefghjkmnpqrstuvwxyz23456789' // none that is easily taken for another

/** Five groups of five: 25 of 31 characters, about 124 bits. */
export function passphrase(): string {
  const out: string[] = []
  while (out.length < 25) {
    const b = crypto.getRandomValues(new Uint8Array(1))[0]!
    // 248 is eight times 31: what is beyond would make some letters likelier
    if (b < 248) out.push(letters[b % letters.length]!)
  }
  return [0, 5, 10, 15, 20].map((i) => out.slice(i, i + 5).join('')).join('-')
}
