// What staff may do, in words: permissions as the contract names them.

/** All of them, in the contract's order: the name, a word or two, and what it is for. */
export const PERMISSIONS = [
  ['catalogue', 'Articles', 'make, change and delete articles; import and export them'],
  ['stock', 'Stock', 'receive, write off and count units'],
  ['fulfilment', 'Orders', 'place, cancel, ship and deliver orders'],
  ['adjustments', 'Discounts', 'put discounts, shipping and fees on orders'],
  ['payments', 'Payments', 'capture, void and settle payments'],
  ['refunds', 'Refunds', 'give money back'],
  ['customers', 'Customers', 'see and change accounts of customers'],
  ['staff', 'Staff', 'say who is staff, and what they may do; read the audit log'],
  ['reports', 'Reports', 'see the ledger, export orders'],
  ['operations', 'Operations', 'see what runs, and whether stock and money add up'],
];

/** A permission in a word or two. */
export const permissionName = (name) => PERMISSIONS.find(([known]) => known === name)?.[1] ?? name;
