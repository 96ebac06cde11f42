/** The page that commands write beside results. It belongs to no model, though it may lie in a model's directory. */
export const REPORT_PAGE = 'report.html'
