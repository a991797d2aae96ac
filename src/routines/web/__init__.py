"""The board's pages: server-rendered, whole without script, the same services and rules behind them as behind the API.

Each page is a handler in `pages`, values ready for its template in `views`, and a template.
"""
