Attribute VB_Name = "IcpHost"
Option Explicit

' What Python asks Excel to do and xlwings has no word for on both Windows and Mac. Names come in lines.

' Saves a copy of an open workbook without touching it.
Public Function IcpSaveCopy(ByVal book As String, ByVal path As String) As Boolean
    Workbooks(book).SaveCopyAs path
    IcpSaveCopy = True
End Function

' Copies sheets together, so that formulas between them stay between them, and returns their new names.
Public Function IcpCopySheets(ByVal source As String, ByVal target As String, ByVal sheetNames As String, ByVal after As String) As String
    Dim names As Variant
    Dim i As Long
    Dim first As Long
    Dim alerts As Boolean
    names = Split(sheetNames, vbLf)
    alerts = Application.DisplayAlerts
    Application.DisplayAlerts = False
    On Error GoTo Failed
    first = Workbooks(target).Sheets(after).Index + 1
    Workbooks(source).Sheets(names).Copy after:=Workbooks(target).Sheets(after)
    For i = 0 To UBound(names)
        If i > 0 Then IcpCopySheets = IcpCopySheets & vbLf
        IcpCopySheets = IcpCopySheets & Workbooks(target).Sheets(first + i).Name
    Next i
    Application.DisplayAlerts = alerts
    Exit Function
Failed:
    Application.DisplayAlerts = alerts
    Err.Raise Err.Number, "ICP", Err.Description
End Function

' Marks a sheet as ours by a hidden name, as the writer of closed workbooks does.
Public Function IcpMarkSheet(ByVal book As String, ByVal sheet As String, ByVal name As String, ByVal text As String) As Boolean
    Workbooks(book).Sheets(sheet).Names.Add name:=name, RefersTo:="=" & text, Visible:=False
    IcpMarkSheet = True
End Function

' Asks for a workbook; empty when the user declines.
Public Function IcpAskFile(ByVal prompt As String) As String
    Dim answer As Variant
    #If Mac Then
        answer = Application.GetOpenFilename(, , prompt)
    #Else
        answer = Application.GetOpenFilename("Excel workbooks (*.xlsx;*.xlsm;*.xlsb;*.xls),*.xlsx;*.xlsm;*.xlsb;*.xls", , prompt)
    #End If
    If VarType(answer) = vbString Then IcpAskFile = answer
End Function

' New results are in: the cells that hold our functions are to be calculated again, no others. In a workbook that
' calculates by hand they wait for F9, as everything there does.
Public Function IcpRecalculate() As Boolean
    Dim book As Workbook
    Dim sheet As Worksheet
    For Each book In Application.Workbooks
        For Each sheet In book.Worksheets
            IcpDirty sheet
        Next sheet
    Next book
    IcpRecalculate = True
End Function

Private Sub IcpDirty(ByVal sheet As Worksheet)
    Dim formulas As Range
    Dim area As Range
    Dim cell As Range
    Dim texts As Variant
    On Error GoTo Protected
    Set formulas = sheet.UsedRange.SpecialCells(xlCellTypeFormulas)
    On Error Resume Next
    For Each area In formulas.Areas
        texts = area.Formula
        If Not IsArray(texts) Then
            If IcpUsesUs(texts) Then area.Dirty
        ElseIf IcpAnyUsesUs(texts) Then
            For Each cell In area.Cells
                If IcpUsesUs(cell.Formula) Then cell.Dirty
            Next cell
        End If
    Next area
    Exit Sub
Protected:
    ' No formulas, or a protected sheet, which tells nothing of its cells.
    If sheet.ProtectContents Then sheet.UsedRange.Dirty
End Sub
