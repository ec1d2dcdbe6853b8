/** A pointer says so, and names its content; it has less than 1,024 bytes. */
const pointer = /^version https:\/\/(?:git-lfs\.github\.com|hawser\.github\.com)\/spec\/v1\n/
/** No pointer is longer. */
export const longestPointer = 1023

export function isPointer(text: string): boolean {
  return text.length <= longestPointer && pointer.test(text) && /^oid \S+:[0-9a-f]+$/m.test(text)
}
