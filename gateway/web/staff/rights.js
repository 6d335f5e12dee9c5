// What a call takes of staff: one of these permissions. The contract says the same, beside each access rule
// (tests/browser/rights.test.mjs holds the two together).

import { may } from '../session.js';

const ORDERS = ['fulfilment', 'adjustments', 'payments', 'refunds', 'customers', 'reports'];
const ARTICLES = ['catalogue', 'stock', 'fulfilment', 'reports'];
const PAYMENTS = ['payments', 'refunds', 'fulfilment', 'customers', 'reports'];
const BOOKS = ['payments', 'refunds', 'reports'];
const USERS = ['customers', 'staff'];

/** Permissions by calls. */
export const NEEDED = {
  ListOrders: ORDERS,
  CancelOrder: ['fulfilment'],
  ShipOrder: ['fulfilment'],
  DeliverOrder: ['fulfilment'],
  AddAdjustment: ['adjustments'],
  ExportOrders: ['reports'],
  ListArticles: ARTICLES,
  CreateArticle: ['catalogue'],
  UpdateArticle: ['catalogue'],
  DeleteArticle: ['catalogue'],
  UploadImage: ['catalogue'],
  ImportArticles: ['catalogue'],
  ExportArticles: ['catalogue', 'reports'],
  GetStock: ARTICLES,
  AdjustStock: ['stock'],
  ListStockMovements: ['stock', 'reports'],
  ListPayments: PAYMENTS,
  ListDisputes: BOOKS,
  ListPaymentEvents: BOOKS,
  AcknowledgePayment: ['payments'],
  CapturePayment: ['payments'],
  VoidPayment: ['payments'],
  SettlePayment: ['payments'],
  RefundPayment: ['refunds'],
  ListLedgerEntries: ['payments', 'reports'],
  ListUsers: USERS,
  GetUser: USERS,
  DeleteUser: USERS,
  ExportUser: ['customers'],
  ListSessions: USERS,
  RevokeSessions: USERS,
  ListApiKeys: USERS,
  RevokeApiKey: USERS,
  RemoveTotp: ['staff'],
  SetRoles: ['staff'],
  DisableUser: ['staff'],
  ListRoles: ['staff'],
  CreateRole: ['staff'],
  ListAuditEvents: ['staff'],
  ListInstances: ['operations'],
  ListWebhooks: ['operations'],
  CreateWebhook: ['operations'],
  VerifyAudit: ['operations'],
};

/** Whether the signed-in user may make a call that is about what is not the user's own. */
export const mayCall = (rpc) => may(...NEEDED[rpc]);
