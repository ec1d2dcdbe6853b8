/**
 * Lets the statements that follow in this transaction see the world as Purser does: a file may have left another search_path, or have
 * become another role, which could neither find the ledger nor write to it.
 */
export const asOurselves =
  'set local session authorization default; set local role none; set local search_path to default'
