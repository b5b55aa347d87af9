"""Writes the old workbooks that the tests read: python3 make.py, with xlwt 1.3.0 from PyPI.

Nothing in Rust writes this format, so the files are kept beside this script.
"""

import datetime
import xlwt


def styled(code):
    style = xlwt.XFStyle()
    style.num_format_str = code
    return style


def encodings():
    """The table of the encodings test: texts only."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("课程")
    rows = [
        ["课程号", "课程名称", "总学时", "备注"],
        ["K001", "买买提·艾力的课", "64", "第一行\n第二行"],
        ["K002", "職業教育（上）䶮", "32", None],
        ["0003", "Müller 入门", "16", "　全角空格　"],
    ]
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            if text is not None:
                sheet.write(number, column, text)
    book.save("encodings.xls")


def kinds():
    """Every kind of cell, under a title, beside a hidden sheet."""
    book = xlwt.Workbook(encoding="utf-8")
    hidden = book.add_sheet("草稿")
    hidden.write(0, 0, "不读")
    hidden.visibility = 1
    sheet = book.add_sheet("学生")
    sheet.write_merge(0, 0, 0, 5, "2024 级学生名单")
    for column, name in enumerate(["学号", "姓名", "出生日期", "到校时间", "在籍", "成绩"]):
        sheet.write(1, column, name)
    sheet.write(2, 0, 20230101)
    sheet.write(2, 1, "张三")
    sheet.write(2, 2, datetime.date(2005, 9, 1), styled('yyyy"年"m"月"d"日"'))
    sheet.write(2, 3, datetime.datetime(2024, 9, 1, 8, 30), styled("yyyy-mm-dd hh:mm"))
    sheet.write(2, 4, True)
    sheet.write(2, 5, 89.5)
    sheet.write(3, 0, 110101199001011000)
    sheet.write(3, 1, "李四")
    sheet.write(3, 5, xlwt.Formula("1/0"))
    book.save("kinds.xls")


encodings()
kinds()
