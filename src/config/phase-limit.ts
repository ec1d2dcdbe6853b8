/** When a phase is stopped: at twice its budget, and at least five minutes after it. Late is shown before; this is the end. */
export function phaseLimitMinutes(budgetMinutes: number): number {
  return Math.max(budgetMinutes * 2, budgetMinutes + 5)
}
