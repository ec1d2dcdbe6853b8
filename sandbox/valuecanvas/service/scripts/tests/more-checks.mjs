/** Checks of single releases; none at present. */
export function checks() {
  return {}
}
